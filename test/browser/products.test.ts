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

t.test('an invalid form shows the error and keeps its values', async (t) => {
  const { page } = await browserTest(t, { refused: [400] })
  await page.goto('/')
  await page.getByLabel('Title').fill('Honey')
  await page.getByLabel('Price').fill('   ')
  await page.getByRole('button', { name: 'Add' }).click()
  t.match(await page.getByRole('alert').textContent(), /price/i)
  t.equal(await page.getByLabel('Title').inputValue(), 'Honey')
  await checkAccessibility(t, page, 'products-refused')
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
  await page.getByText('Page 2 of 3').waitFor()
})

t.test('an unknown URL shows the error page', async (t) => {
  const { page } = await browserTest(t, { refused: [404] })
  await page.goto('/nowhere')
  await page.getByText('There is nothing at GET /nowhere.').waitFor()
  await checkAccessibility(t, page, 'error')
})
