import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'

const ARTIFACTS = fileURLToPath(new URL('../../../artifacts', import.meta.url))

/** Saves a screenshot of the whole page in artifacts/, which CI uploads. */
export async function screenshot (page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${ARTIFACTS}/${name}.png`, fullPage: true, animations: 'disabled' })
}
