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
