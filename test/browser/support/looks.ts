import type { Page } from 'playwright-core'

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 360, height: 740 }

/** Windows and colour schemes in which pages are checked. */
export const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) => [
  { name: `desktop-${colorScheme}`, viewport: DESKTOP, colorScheme },
  { name: `phone-${colorScheme}`, viewport: PHONE, colorScheme }
])

/** Calls `visit` for each look of an open page, then restores the first. */
export async function inEachLook (page: Page, visit: (look: string) => Promise<void>): Promise<void> {
  for (const { name, viewport, colorScheme } of [...LOOKS, LOOKS[0]!].slice(0, -1)) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(viewport)
    await visit(name)
  }
}
