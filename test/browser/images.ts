import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fakeClock } from '../support/clock.ts'
import { browserTest } from './support/browser-test.ts'

/* Takes the pictures of the documentation: `make images`. */

const IMAGES = fileURLToPath(new URL('../../docs/images', import.meta.url))
const context = { viewport: { width: 960, height: 800 } }

t.test('products', async (t) => {
  const { page } = await browserTest(t, { context })
  await page.goto('/')
  await page.screenshot({ path: `${IMAGES}/products.png` })
})

t.test('API calls, cold and warm', async (t) => {
  const clock = fakeClock()
  const { page } = await browserTest(t, { context, env: { HTTPBIN_DELAY: '2' }, overrides: { now: clock.now } })
  await page.goto('/apicalls')
  for (let load = 1; load < 18; load++) {
    if (load === 9) clock.advance(300)
    else await page.waitForLoadState('networkidle')
    await page.reload()
  }
  await page.locator('#loads canvas').waitFor()
  await page.screenshot({ path: `${IMAGES}/apicalls.png` })
})

t.test('the dashboard, with an explanation', async (t) => {
  const context = { viewport: { width: 960, height: 1400 } }
  const { app, address, page } = await browserTest(t, { context, env: { HTTPBIN_DELAY: '0.5' } })
  const { host } = new URL(address)
  const get = (url: string, headers = {}) => app.inject({ url, headers: { host, ...headers } })
  await get('/apicalls')
  await page.goto(`/cache?url=${encodeURIComponent(`${address}/apicalls`)}`)
  await page.locator('#times canvas').waitFor()
  for (let second = 0; second < 20; second++) {
    for (let i = 0; i < 20 + 10 * (second % 4); i++) await get('/apicalls')
    for (let i = 0; i < 10; i++) await get('/')
    const payload = { price: `${second}.50` }
    if (second % 5 === 4) await app.inject({ method: 'PATCH', url: '/api/products/1', payload })
    if (second % 7 === 6) await get('/apicalls', { authorization: 'Basic eDp5' })
    await page.waitForTimeout(1_000)
  }
  await page.screenshot({ path: `${IMAGES}/dashboard.png` })
})
