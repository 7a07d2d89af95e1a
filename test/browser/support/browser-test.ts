import type { FastifyInstance } from 'fastify'
import type { BrowserContextOptions, Page } from 'playwright-core'
import file, { type Test } from 'tap'
import type { Overrides } from '../../../src/app.ts'
import { testApp } from '../../support/app.ts'
import { startChromium } from './chromium.ts'
import { DESKTOP } from './looks.ts'
import { watch } from './watch.ts'

export interface BrowserTest {
  app: FastifyInstance
  /** Address of the service, e.g. `http://127.0.0.1:40123`. */
  address: string
  /** A page of a browser with an empty cache. Paths are relative to the address: `page.goto('/')`. */
  page: Page
}

export interface BrowserTestOptions {
  /** The environment of the service. */
  env?: Record<string, string>
  overrides?: Overrides
  /** Statuses that the test provokes. Chromium logs each status of 400 or more in its console. */
  refused?: number[]
  /** Options of the browser context, e.g. `{ javaScriptEnabled: false }`. */
  context?: BrowserContextOptions
}

/** Milliseconds that a test waits for a state of a page. Long enough for a busy machine. */
const PATIENCE = 20_000

/**
 * Starts the service on a free port of loopback, and opens a page in a new browser context.
 *
 * The test fails if the page has reported an error by its end: an error or a warning in the console, a violation of the
 * content security policy, or a failed request.
 */
export async function browserTest (t: Test, options: BrowserTestOptions = {}): Promise<BrowserTest> {
  const { env, overrides, refused = [] } = options
  const app = await testApp(t, env, overrides)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await startChromium()
  const defaults = { baseURL: address, viewport: DESKTOP, colorScheme: 'light' } as const
  const context = await browser.newContext({ ...defaults, ...options.context })
  context.setDefaultTimeout(PATIENCE)
  const complaints = watch(context, refused)
  t.teardown(async () => {
    await context.close()
    // The test has ended, so the file reports it.
    file.same(complaints, [], `the page reported no errors: ${t.name}`)
  })
  return { app, address, page: await context.newPage() }
}
