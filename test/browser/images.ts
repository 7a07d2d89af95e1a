import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fakeClock } from '../support/clock.ts'
import { browserTest } from './support/browser-test.ts'

/** Takes the pictures of the README anew: `make images`. */

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
