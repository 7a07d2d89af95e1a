import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Page } from 'playwright-core'
import t from 'tap'
import { fakeClock } from '../support/clock.ts'
import { checkAccessibility } from './support/accessibility.ts'
import { browserTest } from './support/browser-test.ts'
import { screenshot } from './support/screenshot.ts'

/** Seconds that the upstream takes. */
const DELAY = 0.5
const env = { HTTPBIN_DELAY: String(DELAY) }

/** Reads what the page shows after everything is drawn. Times are in milliseconds. */
async function readFigures (page: Page) {
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
  return readFigures(page)
}

t.test('a miss takes as long as the upstream, a hit a few milliseconds', async (t) => {
  const { page } = await browserTest(t, { env })
  await page.goto('/apicalls')
  const cold = await readFigures(page)
  t.equal(cold.cache, 'miss')
  t.ok(cold.made >= DELAY * 1000 - 1, 'made')
  t.ok(cold.served >= cold.made - 1, 'served')
  t.ok(cold.reached >= cold.served - 1, 'reached')
  t.match(cold.verdict, 'you waited while it was made')
  t.same(cold.loads, ['made for you'])
  await checkAccessibility(t, page, 'apicalls-cold')

  const warm = await reload(page)
  t.match(warm, {
    cache: 'hit',
    made: cold.made,
    verdict: 'The page cache had it',
    loads: ['page cache', 'made for you']
  })
  t.ok(warm.served < cold.served && warm.reached < cold.reached, 'sooner')
  for (let i = 0; i < 5; i++) await reload(page)
  await page.getByText('Show as a table').click()
  await page.getByRole('cell', { name: 'page cache' }).first().waitFor()
  await checkAccessibility(t, page, 'apicalls-warm')
})

t.test('a hit is the same page; only what the browser measures differs', async (t) => {
  const { page } = await browserTest(t, { env })
  const cold = await (await page.goto('/apicalls'))!.text()
  const warm = await page.request.get('/apicalls')
  t.match(warm.headers()['cache-status'], 'larder; hit')
  t.equal(await warm.text(), cold)
})

t.test('a page from the browser cache is distinguished from a hit of the service', async (t) => {
  const { page } = await browserTest(t, { env })
  await page.goto('/')
  await page.getByRole('link', { name: 'API calls' }).click()
  t.equal((await readFigures(page)).cache, 'miss')
  await page.getByRole('link', { name: 'Products' }).click()
  await page.getByRole('link', { name: 'API calls' }).click()
  await page.locator('#loads canvas').waitFor()
  t.equal(await page.locator('#cache').textContent(), 'not requested')
  t.match(await page.locator('#verdict').textContent(), 'Your browser had stored the page')
  t.ok(await page.locator('#served').isHidden(), 'the time in the service belongs to an earlier load')
  await screenshot(page, 'apicalls-kept-by-the-browser')
  t.equal((await reload(page)).cache, 'hit', 'a reload requests the page')
})

t.test('Reload before the page has loaded sends a request to the service', async (t) => {
  const { app, page } = await browserTest(t, { env })
  const held = Promise.withResolvers<void>()
  const requested = Promise.withResolvers<void>()
  const [serve] = app.server.listeners('request') as [(request: IncomingMessage, response: ServerResponse) => void]
  app.server.removeAllListeners('request')
  // A route of Playwright would switch off the browser's cache.
  app.server.on('request', async (request, response) => {
    if (request.url!.includes('loads-plot')) {
      requested.resolve()
      await held.promise
    }
    serve(request, response)
  })
  await page.goto('/apicalls', { waitUntil: 'domcontentloaded' })
  await requested.promise
  await Promise.all([page.waitForEvent('domcontentloaded'), page.getByRole('link', { name: 'Reload' }).click()])
  held.resolve()
  t.equal((await readFigures(page)).cache, 'hit')
})

t.test('an expired page is a miss', async (t) => {
  const clock = fakeClock()
  const { page } = await browserTest(t, { env, overrides: { now: clock.now } })
  await page.goto('/apicalls')
  await reload(page)
  clock.advance(300)
  t.match(await reload(page), { cache: 'miss', loads: ['made for you', 'page cache', 'made for you'] })
})

t.test('the last twenty loads are stored, and invalid stored data is ignored', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  const store = (value: unknown) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return page.evaluate((text) => sessionStorage.setItem('larder.apicalls', text), text)
  }
  await page.goto('/apicalls')
  const load = { at: 0, from: 'hit', served: 1, reached: 2 }
  await store(Array.from({ length: 50 }, () => load))
  t.equal((await reload(page)).loads.length, 20)

  const invalidLoads = [
    { ...load, at: 1e300 }, { ...load, from: '<b>' }, { ...load, served: '1' }, { ...load, reached: null },
    { ...load, reached: -1 }
  ]
  for (const invalid of ['', '{', 'null', '7', '{"length":3}', [null, 1, 'x', []], invalidLoads]) {
    await store(invalid)
    t.same((await reload(page)).loads, ['page cache'], JSON.stringify(invalid))
  }
})

t.test('without sessionStorage the page shows the current load', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  await page.addInitScript(() => {
    const get = () => { throw new DOMException('forbidden', 'SecurityError') }
    Object.defineProperty(globalThis, 'sessionStorage', { get })
  })
  await page.goto('/apicalls')
  t.same((await readFigures(page)).loads, ['made for you'])
  t.same((await reload(page)).loads, ['page cache'])
})

t.test('browsers without Server-Timing or Resource Timing show what they can', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_DELAY: '0' } })
  await page.addInitScript(() => {
    Object.defineProperty(PerformanceResourceTiming.prototype, 'serverTiming', { value: undefined })
  })
  await page.goto('/apicalls')
  await page.locator('#loads canvas').waitFor()
  t.equal(await page.locator('#cache').textContent(), 'unknown')
  t.ok(await page.locator('#served').isHidden())

  await page.addInitScript(() => { performance.getEntriesByType = () => [] })
  await page.reload()
  t.ok(await page.locator('#made').isVisible())
  for (const id of ['reached', 'cache', 'verdict', 'loads']) t.ok(await page.locator(`#${id}`).isHidden(), id)
})

t.test('the plot adapts to the window and the colour scheme', async (t) => {
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

t.test('a failing upstream results in an error page', async (t) => {
  const { page } = await browserTest(t, { env: { HTTPBIN_URL: 'http://127.0.0.1:1/' }, refused: [502] })
  await page.goto('/apicalls')
  await page.getByText('The upstream service could not be reached.').waitFor()
})
