import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type axe from 'axe-core'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import { inEachLook } from './looks.ts'
import { screenshot } from './screenshot.ts'

const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/**
 * Checks an open page with axe-core, light and dark, on a desktop and on a phone, and that nothing overflows sideways.
 *
 * @param name of the screenshots that it takes
 */
export async function checkAccessibility (t: Test, page: Page, name: string): Promise<void> {
  await page.evaluate(AXE)
  await inEachLook(page, async (look) => {
    const { violations, passes } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
    const found = violations.flatMap(({ id, help, nodes }) => {
      return nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target}: ${failureSummary}`)
    })
    t.same(found, [], `${name}, ${look}: no violations`)
    t.ok(passes.length > 10, 'axe-core has checked the page')
    const overflow = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement
      return scrollWidth - clientWidth
    })
    t.equal(overflow, 0, `${name}, ${look}: not wider than the window`)
    await screenshot(page, `${name}-${look}`)
  })
}
