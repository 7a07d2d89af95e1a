import { type Browser, chromium } from 'playwright-core'
import t from 'tap'

/** Switches off what a browser does in the background. */
const QUIET = [
  '--disable-background-networking', '--disable-component-update', '--disable-gpu', '--disable-quic', '--disable-sync',
  '--no-first-run'
]

let browser: Promise<Browser> | undefined

/** Returns the headless Chromium of this file, with its own profile. It is closed after the last test. */
export function startChromium (): Promise<Browser> {
  browser ??= launch()
  return browser
}

async function launch (): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    chromiumSandbox: process.getuid?.() !== 0, // Chromium refuses to sandbox for root
    args: QUIET
  })
  t.teardown(() => browser.close())
  return browser
}
