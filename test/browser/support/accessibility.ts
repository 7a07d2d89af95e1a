import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { inEachLook } from './looks.ts'
import { screenshot } from './screenshot.ts'

const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/**
 * Holds an open page to the rules of axe-core, light and dark, on a desk and on a phone, and sees to it that nothing
 * sticks out sideways. A picture of each is kept under the name.
 */
export async function checkAccessibility (t: Test, page: Page, name: string): Promise<void> {
  await page.evaluate(AXE)
  await inEachLook(page, async (look) => {
    const { violations, passes } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
    const found = violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target}: ${failureSummary}`))
    t.same(found, [], `${name}, ${look}: no violations`)
    t.ok(passes.length > 10, 'it was looked at')
    t.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, `${name}, ${look}: not wider than the window`)
    await screenshot(page, `${name}-${look}`)
  })
}
