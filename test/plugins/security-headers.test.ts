import t from 'tap'
import { testApp } from '../support/app.ts'

const POLICY = "default-src 'self';form-action 'self';frame-ancestors 'none';base-uri 'none';object-src 'none'"

t.test('every response has the security headers, cached or not', async (t) => {
  const app = await testApp(t)
  for (const url of ['/', '/apicalls', '/apicalls', '/api/products', '/nope', '/assets/larder.css']) {
    t.match((await app.inject(url)).headers, {
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // With `no-referrer`, our own forms would be sent with `Origin: null`.
      'referrer-policy': 'same-origin'
    }, url)
  }
})

t.test('/docs has its own Content-Security-Policy, which works over plain HTTP', async (t) => {
  const app = await testApp(t)
  const policy = String((await app.inject('/docs')).headers['content-security-policy'])
  t.match(policy, /script-src 'self' *;/)
  t.match(policy, /style-src 'self' 'unsafe-inline' *;/)
  t.notMatch(policy, 'upgrade-insecure-requests')
})
