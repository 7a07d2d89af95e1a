import t from 'tap'
import { testApp } from '../support/app.ts'

t.test('every answer carries them, cached or not', async (t) => {
  const app = await testApp(t)
  for (const url of ['/', '/apicalls', '/apicalls', '/api/products', '/nope', '/assets/larder.css']) {
    t.match((await app.inject(url)).headers, {
      'content-security-policy': "default-src 'self';form-action 'self';frame-ancestors 'none';base-uri 'none';object-src 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // Our forms must be told from those of others by their Origin, which `no-referrer` would hide.
      'referrer-policy': 'same-origin'
    }, url)
  }
})

t.test('the documentation page has a policy of its own, which works over plain HTTP', async (t) => {
  const app = await testApp(t)
  const policy = String((await app.inject('/docs')).headers['content-security-policy'])
  t.match(policy, /script-src 'self' *;/)
  t.match(policy, /style-src 'self' 'unsafe-inline' *;/)
  t.notMatch(policy, 'upgrade-insecure-requests')
})
