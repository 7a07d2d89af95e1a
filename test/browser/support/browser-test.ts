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
  /** Where the service listens, e.g. `http://127.0.0.1:40123`. */
  address: string
  /** Of a browser that has seen nothing yet. Paths are taken from the address: `page.goto('/')`. */
  page: Page
}

export interface BrowserTestOptions {
  /** The environment of the service. */
  env?: Record<string, string>
  overrides?: Overrides
  /** Statuses that the test provokes; Chromium notes every answer of 400 and more in its console. */
  refused?: number[]
  /** Of the browser, e.g. `{ javaScriptEnabled: false }`. */
  context?: BrowserContextOptions
}

/** Milliseconds that a page may take to become as it is waited for, on a machine that is busy. */
const PATIENCE = 20_000

/**
 * The service on a free port of loopback, and a page of a new browser context. What the page complains of by the end of
 * the test (errors in the console, breaches of the content security policy, requests that failed) fails the test.
 */
export async function browserTest (t: Test, { env, overrides, refused = [], context: options }: BrowserTestOptions = {}): Promise<BrowserTest> {
  const app = await testApp(t, env, overrides)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const browser = await startChromium()
  const context = await browser.newContext({ baseURL: address, viewport: DESKTOP, colorScheme: 'light', ...options })
  context.setDefaultTimeout(PATIENCE)
  const complaints = watch(context, refused)
  t.teardown(async () => {
    await context.close()
    // The test itself has ended.
    file.same(complaints, [], `the browser complained of nothing: ${t.name}`)
  })
  return { app, address, page: await context.newPage() }
}
