import t from 'tap'
import { browserTest } from './support/browser-test.ts'
import { screenshot } from './support/screenshot.ts'

t.test('/docs lists the routes and expands one', async (t) => {
  const { page } = await browserTest(t)
  await page.goto('/')
  await page.getByRole('link', { name: 'API docs' }).click()
  await page.locator('.opblock').first().waitFor()
  t.ok(await page.locator('.opblock').count() >= 8)
  await page.locator('.opblock-summary-control').first().click()
  await page.locator('.opblock-body').waitFor()
  await screenshot(page, 'docs')
})

t.test('/docs has our title, a way back, and examples that are sent by keyboard as they are', async (t) => {
  const { page } = await browserTest(t)
  await page.goto('/docs')
  await page.locator('.opblock').first().waitFor()
  t.equal(await page.title(), 'API docs · Larder')
  const example = async (path: string, method: string) => {
    const block = page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) })
    await block.locator('.opblock-summary-control').focus()
    await page.keyboard.press('Enter')
    await block.getByRole('button', { name: 'Try it out' }).focus()
    await page.keyboard.press('Enter')
    await block.getByRole('button', { name: 'Execute' }).focus()
    await page.keyboard.press('Enter')
    return await block.locator('.live-responses-table tbody .response-col_status').first().textContent()
  }
  t.match(await example('/api/products', 'get'), '200')
  t.match(await example('/api/products', 'patch'), '200')
  t.match(await example('/api/products', 'delete'), '200')
  t.match(await example('/api/products/{id}', 'get'), '200')
  await screenshot(page, 'docs-examples')
  await page.locator('.topbar a.link').click()
  await page.getByRole('heading', { name: 'Products', level: 1 }).waitFor()
})
