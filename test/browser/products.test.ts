import type { Page } from 'playwright-core'
import t from 'tap'
import { checkAccessibility } from './support/accessibility.ts'
import { browserTest } from './support/browser-test.ts'

const row = (page: Page, title: string) => {
  return page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: title, exact: true }) })
}

/** Reads from `Server-Timing` whether the list of the open page was a hit. */
const readTiming = (page: Page) => page.evaluate(() => {
  const [{ serverTiming }] = performance.getEntriesByType('navigation') as [PerformanceNavigationTiming]
  return serverTiming.find(({ name }) => name === 'product_objects')?.description
})

t.test('the list shows an added, edited or deleted product at once', async (t) => {
  const { page } = await browserTest(t)
  await page.goto('/')
  await page.goto('/')
  t.equal(await readTiming(page), 'hit')

  await page.getByLabel('Title').fill('Quince jelly')
  await page.getByLabel('Price').fill('5.50')
  await page.getByRole('button', { name: 'Add' }).click()
  await row(page, 'Quince jelly').waitFor()
  await page.getByText('Added “Quince jelly”.').waitFor()
  t.equal(await readTiming(page), 'miss', 'the list is made anew')
  t.match(await page.getByRole('row').nth(1).textContent(), /Quince jelly.*5\.50/s, 'newest first')
  await page.goto('/')
  t.equal(await readTiming(page), 'hit')

  await page.getByRole('link', { name: 'Edit Quince jelly' }).click()
  await page.getByLabel('Price').fill('6.25')
  await checkAccessibility(t, page, 'product-edit')
  await page.getByRole('button', { name: 'Save' }).click()
  await row(page, 'Quince jelly').filter({ hasText: '6.25' }).waitFor()
  t.equal(await readTiming(page), 'miss')

  await page.getByRole('button', { name: 'Delete Quince jelly' }).click()
  await row(page, 'Quince jelly').waitFor({ state: 'detached' })
  t.equal(await readTiming(page), 'miss')
  await checkAccessibility(t, page, 'products')
})

t.test('a reload shows changes by other programs', async (t) => {
  const { app, page } = await browserTest(t)
  await page.goto('/')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Fig paste', price: '7.10' } })
  await page.reload()
  await row(page, 'Fig paste').waitFor()
  await app.inject({ method: 'PATCH', url: '/api/products', payload: { where: {}, set: { price: '0.99' } } })
  await page.reload()
  await row(page, 'Fig paste').filter({ hasText: '0.99' }).waitFor()
})

t.test('an invalid form shows all errors beside its fields, focuses the first, and can be reloaded', async (t) => {
  const { page } = await browserTest(t, { refused: [400] })
  await page.goto('/')
  await page.getByLabel('Title').fill('\u200b')
  await page.getByLabel('Price').fill('   ')
  await page.getByLabel('Price').press('Enter')
  await page.getByText('Enter a price.').waitFor()
  const title = page.getByRole('textbox', { name: 'Title', exact: true, description: 'Enter a title.' })
  t.ok(await title.evaluate((element) => element === document.activeElement), 'the first is focused')
  t.equal(await title.getAttribute('aria-invalid'), 'true')
  t.match(await page.title(), /^Error: /)
  await checkAccessibility(t, page, 'products-refused')
  await page.goto(page.url())
  await page.getByRole('heading', { name: 'Add a product' }).waitFor()

  await page.getByRole('link', { name: 'Edit Oat biscuits, sack' }).click()
  await page.getByLabel('Title').fill('')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Enter a title.').waitFor()
  await page.goto(page.url())
  t.equal(await page.getByLabel('Title').inputValue(), 'Oat biscuits, sack')
})

t.test('with the keyboard a product of a later page is saved, deleted and restored, and stays in view', async (t) => {
  const { app, page } = await browserTest(t)
  const payload = Array.from({ length: 250 }, (_, i) => ({ title: `Jar ${i}`, price: '1.00' }))
  await app.inject({ method: 'POST', url: '/api/products', payload })
  await page.goto('/?page=2')
  await page.getByRole('link', { name: 'Edit Jar 80' }).press('Enter')
  await page.getByLabel('Price').fill('abc')
  await page.getByLabel('Price').press('Enter')
  await page.getByText('Saved “Jar 80”.').waitFor()
  t.match(page.url(), /\?page=2#product-\d+$/)
  const isInView = (text: string) => page.getByText(text).evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect()
    return top >= 0 && bottom <= innerHeight
  })
  t.ok(await isInView('Saved “Jar 80”.'))
  await page.getByRole('link', { name: 'Change the price' }).press('Enter')
  await page.getByText('This does not look like a price').waitFor()
  await checkAccessibility(t, page, 'product-edit-warning')
  await page.getByRole('link', { name: 'Cancel' }).press('Enter')
  await row(page, 'Jar 80').waitFor()
  t.equal(await page.getByText('Saved “Jar 80”.').count(), 0, 'confirmed once')

  await page.getByRole('button', { name: 'Delete Jar 80' }).press('Enter')
  await page.getByText('Deleted “Jar 80”.').waitFor()
  t.ok(await isInView('Deleted “Jar 80”.'))
  await checkAccessibility(t, page, 'products-deleted')
  await page.keyboard.press('Tab')
  t.equal(await page.evaluate(() => document.activeElement?.textContent), 'Undo', 'the next stop of the keyboard')
  await page.keyboard.press('Enter')
  await page.getByText('“Jar 80” is in the list again.').waitFor()
  t.match(page.url(), /\?page=2#product-\d+$/)
})

t.test('the list without products, and with several pages', async (t) => {
  const { app, page } = await browserTest(t)
  const { items } = (await app.inject('/api/products?limit=100')).json<{ items: { id: number }[] }>()
  await app.inject({ method: 'DELETE', url: `/api/products?${items.map(({ id }) => `id=${id}`).join('&')}` })
  await page.goto('/')
  await page.getByText('There are no products yet.').waitFor()
  await checkAccessibility(t, page, 'products-none')

  const payload = Array.from({ length: 250 }, (_, i) => ({ title: `Jar ${i}`, price: '1.00' }))
  await app.inject({ method: 'POST', url: '/api/products', payload })
  await page.goto('/')
  await page.getByRole('link', { name: 'Next' }).click()
  await page.getByText('250 products, newest first · Page 2 of 3').waitFor()
  t.equal(await page.getByRole('columnheader', { name: 'Created' }).getAttribute('aria-sort'), 'descending')
  await page.getByRole('link', { name: 'Page 3' }).click()
  await page.getByText('Page 3 of 3').waitFor()
  await page.goto('/?page=9')
  t.match(page.url(), /\/\?page=3$/, 'the last page')
})

t.test('an unknown URL, a wrong page and a failed upstream show the error page', async (t) => {
  const env = { HTTPBIN_URL: 'http://127.0.0.1:9/', HTTPBIN_DELAY: '0' } // nothing listens there
  const { page } = await browserTest(t, { refused: [400, 404, 502], env })
  await page.goto('/?page=0')
  await page.getByText('The list has no such page. Pages are numbered from 1.').waitFor()
  await page.goto('/apicalls')
  await checkAccessibility(t, page, 'error-upstream')
  const again = page.waitForResponse('/apicalls')
  await page.getByRole('link', { name: 'Try again' }).click()
  t.equal((await again).status(), 502)
  await page.goto('/nowhere')
  await page.getByText('There is nothing at GET /nowhere.').waitFor()
  await checkAccessibility(t, page, 'error')
})
