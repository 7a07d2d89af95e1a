import type { Page } from 'playwright-core'
import t from 'tap'
import { checkAccessibility } from './support/accessibility.ts'
import { browserTest } from './support/browser-test.ts'
import { screenshot } from './support/screenshot.ts'

const env = { HTTPBIN_DELAY: '0.2' }

const row = (page: Page, caption: string, name: string) => {
  const heading = page.getByRole('rowheader', { name, exact: true })
  return page.getByRole('table', { name: caption }).getByRole('row').filter({ has: heading })
}

/** Opens the dashboard, and waits until it is live and has drawn its plots. */
async function open (page: Page): Promise<void> {
  await page.goto('/cache')
  await page.getByText('Live', { exact: true }).waitFor()
  await page.locator('#times canvas').waitFor()
}

t.test('the dashboard updates while requests run', async (t) => {
  const { app, page } = await browserTest(t, { env })
  await open(page)
  await page.getByText('No page has been requested yet.').waitFor()
  const before = await page.locator('#rates canvas').screenshot()

  await app.inject('/apicalls')
  for (let i = 0; i < 30; i++) await app.inject('/apicalls')
  for (let i = 0; i < 3; i++) await app.inject('/')
  const pages = row(page, 'Pages by route', '/apicalls')
  await pages.locator('td').first().filter({ hasText: /^30$/ }).waitFor()
  t.match(await pages.textContent(), 'uri-miss 1')
  await row(page, 'Keys by prefix', 'product_objects').filter({ hasText: 'absent 1' }).waitFor()
  t.notSame(await page.locator('#rates canvas').screenshot(), before, 'the plot has changed')

  await app.inject('/apicalls')
  await pages.locator('td').first().filter({ hasText: /^31$/ }).waitFor()
  t.equal(await page.getByRole('status').textContent(), 'Live')
  await checkAccessibility(t, page, 'dashboard')
})

t.test('an edit of a product shows within a second', async (t) => {
  const { app, page } = await browserTest(t, { env })
  await app.inject('/')
  await open(page)
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('#figures')!.textContent.includes('Keys were deleted')) return
      Object.assign(globalThis, { shownAt: Date.now() })
      observer.disconnect()
    }).observe(document.querySelector('#figures')!, { subtree: true, childList: true, characterData: true })
  })
  await app.inject({ method: 'PATCH', url: '/api/products/1', payload: { price: '1.23' } })
  const edited = Date.now()
  await page.getByRole('cell', { name: 'Keys were deleted by this process' }).waitFor()
  const shownAt = await page.evaluate(() => (globalThis as unknown as { shownAt: number }).shownAt)
  t.ok(shownAt - edited < 1000, 'within a second')
})

t.test('an update keeps the selection of the user', async (t) => {
  const { app, page } = await browserTest(t, { env })
  await app.inject('/')
  await open(page)
  const heading = row(page, 'Keys by prefix', 'product_objects').getByRole('rowheader')
  await heading.evaluate((element) => getSelection()!.selectAllChildren(element))
  await app.inject('/')
  await row(page, 'Keys by prefix', 'product_objects').locator('td').first().filter({ hasText: /^1$/ }).waitFor()
  t.match(await page.evaluate(() => String(getSelection())), 'product_objects')
})

t.test('the form explains a URL and a key, and shows errors', async (t) => {
  const { app, address, page } = await browserTest(t, { env, refused: [400] })
  await app.inject({ url: '/apicalls', headers: { host: new URL(address).host } })
  await open(page)
  await page.getByLabel('URL, e.g. /menu').fill(`${address}/apicalls`)
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('The stored response is fresh').waitFor()
  await page.getByText('Live', { exact: true }).waitFor()
  await checkAccessibility(t, page, 'explain')

  await page.getByLabel('URL, e.g. /menu').fill('')
  await page.getByLabel('or key').fill('nothing:here')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('Nothing is stored under this key.').waitFor()

  await page.goto('/cache')
  await page.getByLabel('URL, e.g. /menu').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('Give either').waitFor()
  t.ok(await page.evaluate(() => document.querySelector('#explain')!.getBoundingClientRect().top < innerHeight / 2))

  await page.getByLabel('Request headers').fill('nonsense')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByRole('alert').waitFor()
  await checkAccessibility(t, page, 'explain-refused')
})

t.test('without JavaScript the tables and the form work', async (t) => {
  const { app, page } = await browserTest(t, { env, context: { javaScriptEnabled: false } })
  await app.inject('/')
  await page.goto('/cache')
  t.ok(await page.locator('#plots').isHidden())
  await row(page, 'Keys by prefix', 'product_objects').waitFor()
  await page.getByLabel('or key').fill('product_objects')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('The entry is fresh').waitFor()
  await screenshot(page, 'dashboard-without-javascript')
})

t.test('the dashboard shows that it is not live, and is live again after a reload', async (t) => {
  const { page } = await browserTest(t, { env, refused: [503] })
  await page.route('**/cache/events', (route) => route.fulfill({ status: 503 }), { times: 1 })
  await page.goto('/cache')
  await page.getByText('Not live: reload the page to retry').waitFor()
  await page.reload()
  await page.getByText('Live', { exact: true }).waitFor()
})
