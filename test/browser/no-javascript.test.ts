import t from 'tap'
import { browserTest } from './support/browser-test.ts'
import { screenshot } from './support/screenshot.ts'

const context = { javaScriptEnabled: false }

t.test('without JavaScript products are added, edited, deleted and restored', async (t) => {
  const { page } = await browserTest(t, { context })
  await page.goto('/')
  await page.getByLabel('Title').fill('Quince jelly')
  await page.getByLabel('Price').fill('5.50')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByRole('link', { name: 'Edit Quince jelly' }).click()
  await page.getByLabel('Title').fill('Medlar cheese')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('button', { name: 'Delete Medlar cheese' }).click()
  await page.getByRole('rowheader', { name: 'Medlar cheese' }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('rowheader', { name: 'Medlar cheese' }).waitFor()
  t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Products')
})

t.test('without JavaScript /apicalls shows only how long it took', async (t) => {
  const { page } = await browserTest(t, { context, env: { HTTPBIN_DELAY: '0.2' } })
  await page.goto('/apicalls')
  await page.getByRole('link', { name: 'Reload' }).click()
  t.match(await page.locator('#made').textContent(), /^\d{3} ms$/)
  for (const id of ['reached', 'served', 'cache', 'verdict', 'loads']) t.ok(await page.locator(`#${id}`).isHidden(), id)
  await screenshot(page, 'apicalls-without-javascript')
})

t.test('without JavaScript /cache shows its figures', async (t) => {
  const { page } = await browserTest(t, { context })
  await page.goto('/')
  await page.getByRole('link', { name: 'Cache' }).click()
  await page.getByRole('rowheader', { name: 'product_objects' }).first().waitFor()
})
