import { type Browser, chromium } from 'playwright-core'
import t from 'tap'

/** What a browser does of its own accord, and a test has no use for. */
const QUIET = [
  '--disable-background-networking', '--disable-component-update', '--disable-gpu', '--disable-quic', '--disable-sync', '--no-first-run'
]

let browser: Promise<Browser> | undefined

/** The Chromium of this file, headless and with a profile of its own. It ends with the file. */
export function startChromium (): Promise<Browser> {
  browser ??= launch()
  return browser
}

async function launch (): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid?.() !== 0, // which root may not have
    args: QUIET
  })
  t.teardown(() => browser.close())
  return browser
}
