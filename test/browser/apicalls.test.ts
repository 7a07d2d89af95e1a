import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Page } from 'playwright-core'
import t from 'tap'
import { fakeClock } from '../support/clock.ts'
import { checkAccessibility } from './support/accessibility.ts'
import { browserTest } from './support/browser-test.ts'
import { screenshot } from './support/screenshot.ts'

/** Seconds of the upstream. */
const DELAY = 0.5
const env = { HTTPBIN_DELAY: String(DELAY) }

/** What the page shows once all is drawn. Times in milliseconds. */
async function figures (page: Page) {
  await page.locator('#loads canvas').waitFor()
  const text = (selector: string) => page.locator(selector).textContent()
  const time = async (selector: string) => parseFloat((await text(selector))!.replaceAll(',', ''))
  return {
    made: await time('#made'),
    reached: await time('#reached'),
    served: await time('#served'),
    cache: await text('#cache'),
    verdict: await text('#verdict'),
    loads: await page.locator('#loads tbody tr').evaluateAll((rows) => rows.map((row) => row.children[1]!.textContent))
  }
}

const reload = async (page: Page) => {
  await Promise.all([page.waitForEvent('load'), page.getByRole('link', { name: 'Reload' }).click()])
  return figures(page)
}

t.test('cold it takes as long as it is made, warm it is there at once', async (t) => {
  const { page } = await browserTest(t, { env })
  await page.goto('/apicalls')
  const cold = await figures(page)
  t.equal(cold.cache, 'miss')
  t.ok(cold.made >= DELAY * 1000 - 1, 'made')
  t.ok(cold.served >= cold.made - 1, 'served')
  t.ok(cold.reached >= cold.served - 1, 'reached')
  t.match(cold.verdict, 'you waited while it was made')
  t.same(cold.loads, ['made for you'])
  await checkAccessibility(t, page, 'apicalls-cold')

  const warm = await reload(page)
  t.match(warm, { cache: 'hit', made: cold.made, verdict: 'The page cache had it', loads: ['page cache', 'made for you'] })
  t.ok(warm.served < cold.served && warm.reached < cold.reached, 'sooner')
  for (let i = 0; i < 5; i++) await reload(page)
  await page.getByText('The same as a table').click()
  await page.getByRole('cell', { name: 'page cache' }).first().waitFor()
  await checkAccessibility(t, page, 'apicalls-warm')
})

t.test('the page is kept whole: what is new in it is of the browser', async (t) => {
  const { page } = await browserTest(t, { env })
  const cold = await (await page.goto('/apicalls'))!.text()
  const warm = await page.request.get('/apicalls')
  t.match(warm.headers()['cache-status'], 'larder; hit')
  t.equal(await warm.text(), cold)
})

t.test('what the browser kept is told from what the service sent', async (t) => {
  const { page } = await browserTest(t, { env })
  await page.goto('/')
  await page.getByRole('link', { name: 'API calls' }).click()
  t.equal((await figures(page)).cache, 'miss')
  await page.getByRole('link', { name: 'Products' }).click()
  await page.getByRole('link', { name: 'API calls' }).click()
  await page.locator('#loads canvas').waitFor()
  t.equal(await page.locator('#cache').textContent(), 'not asked')
  t.match(await page.locator('#verdict').textContent(), 'Your browser had kept the page')
  t.ok(await page.locator('#served').isHidden(), 'what the service said was of another time')
  await screenshot(page, 'apicalls-kept-by-the-browser')
  t.equal((await reload(page)).cache, 'hit', 'a reload asks')
})

t.test('who clicks Reload before all has come is answered by the service too', async (t) => {
  const { app, page } = await browserTest(t, { env })
  const held = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const [serve] = app.server.listeners('request') as [(request: IncomingMessage, response: ServerResponse) => void]
  app.server.removeAllListeners('request')
  // Not in the browser, which would keep nothing then.
  app.server.on('request', async (request, response) => {
    if (request.url!.includes('loads-plot')) {
      asked.resolve()
      await held.promise
    }
    serve(request, response)
  })
  await page.goto('/apicalls', { waitUntil: 'domcontentloaded' })
  await asked.promise
  await Promise.all([page.waitForEvent('domcontentloaded'), page.getByRole('link', { name: 'Reload' }).click()])
  held.resolve()
  t.equal((await figures(page)).cache, 'hit')
})

t.test('an answer that is over is made anew', async (t) => {
  const clock = fakeClock()
  const { page } = await browserTest(t, { env, overrides: { now: clock.now } })
  await page.goto('/apicalls')
  await reload(page)
  clock.advance(300)
  t.match(await reload(page), { cache: 'miss', loads: ['made for you', 'page cache', 'made for you'] })
})

t.test('the last twenty loads are kept, and nothing else is believed', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  const keep = (kept: unknown) => page.evaluate((text) => sessionStorage.setItem('larder.apicalls', text), typeof kept === 'string' ? kept : JSON.stringify(kept))
  await page.goto('/apicalls')
  const load = { at: 0, from: 'hit', served: 1, reached: 2 }
  await keep(Array.from({ length: 50 }, () => load))
  t.equal((await reload(page)).loads.length, 20)

  for (const bad of ['', '{', 'null', '7', '{"length":3}', [null, 1, 'x', []],
    [{ ...load, at: 1e300 }, { ...load, from: '<b>' }, { ...load, served: '1' }, { ...load, reached: null }, { ...load, reached: -1 }]]) {
    await keep(bad)
    t.same((await reload(page)).loads, ['page cache'], JSON.stringify(bad))
  }
})

t.test('without a place to keep anything the page tells of this load', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'sessionStorage', { get () { throw new DOMException('forbidden', 'SecurityError') } })
  })
  await page.goto('/apicalls')
  t.same((await figures(page)).loads, ['made for you'])
  t.same((await reload(page)).loads, ['page cache'])
})

t.test('a browser that does not tell the Server-Timing, and one that does not measure', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  await page.addInitScript(() => Object.defineProperty(PerformanceResourceTiming.prototype, 'serverTiming', { value: undefined }))
  await page.goto('/apicalls')
  await page.locator('#loads canvas').waitFor()
  t.equal(await page.locator('#cache').textContent(), 'not told')
  t.ok(await page.locator('#served').isHidden())

  await page.addInitScript(() => { performance.getEntriesByType = () => [] })
  await page.reload()
  t.ok(await page.locator('#made').isVisible())
  for (const id of ['reached', 'cache', 'verdict', 'loads']) t.ok(await page.locator(`#${id}`).isHidden(), id)
})

t.test('the plot follows the window and the colours', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  await page.goto('/apicalls')
  const canvas = page.locator('#loads canvas')
  await canvas.waitFor()
  const width = async () => (await canvas.boundingBox())!.width
  const wide = await width()
  await page.setViewportSize({ width: 360, height: 740 })
  await page.waitForFunction((wide) => document.querySelector('#loads canvas')!.clientWidth < wide / 2, wide)

  const light = await canvas.screenshot()
  await page.emulateMedia({ colorScheme: 'dark' })
  t.notSame(await canvas.screenshot(), light)
  t.match(await page.getByRole('img').getAttribute('aria-label'), /^Bars of the last loads, .*: [\d.,]+$/)
})

t.test('an upstream that fails gives a page that says so', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_URL: 'http://127.0.0.1:1/' }, refused: [502] })
  await page.goto('/apicalls')
  await page.getByText('The upstream service could not be reached.').waitFor()
})
