import type { BrowserContext } from 'playwright-core'

/** Gathers what the pages of a context complain of, but for answers of these statuses. */
export function watch (context: BrowserContext, refused: readonly number[] = []): string[] {
  const complaints: string[] = []
  const expected = refused.map((status) => `the server responded with a status of ${status} `)
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type()) || expected.some((text) => message.text().includes(text))) return
    complaints.push(`console: ${message.text()} (${message.location().url})`)
  })
  context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().stack}`))
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText
    // Who leaves a page does not wait for the rest of it.
    if (reason !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.method()} ${request.url()} ${reason}`)
  })
  return complaints
}
