import t from 'tap'
import { browserTest } from './support/browser-test.ts'

const token = 's3cret:!~"\\$#%&+='

t.test('a login at /cache is sent to the dashboard alone, so pages are still served from the cache', async (t) => {
  const { app, page } = await browserTest(t, {
    env: { ADMIN_TOKEN: token, HOST: '0.0.0.0' },
    refused: [401],
    context: { httpCredentials: { username: 'operator', password: token } }
  })
  const sent = new Map<string, boolean>()
  app.server.prependListener('request', ({ url, headers }) => sent.set(url!, headers.authorization !== undefined))
  await page.goto('/apicalls')
  await page.getByRole('link', { name: 'Cache' }).click()
  await page.getByText('Live', { exact: true }).waitFor()
  t.match(page.url(), /\/cache\/$/)
  t.ok(sent.get('/cache/events'), 'the browser is logged in')
  await page.getByRole('link', { name: 'API calls' }).click()
  const reloaded = await page.reload()
  t.match(reloaded!.headers()['cache-status'], 'larder; hit')
  t.equal(sent.get('/apicalls'), false)
  await page.getByRole('link', { name: 'Cache' }).click()
  await page.getByText('Live', { exact: true }).waitFor()
})
