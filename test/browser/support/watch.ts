import type { BrowserContext } from 'playwright-core'

/**
 * Collects the errors that the pages of a context report.
 *
 * @param refused statuses of responses that are not errors in this test
 */
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
    // Leaving a page aborts the requests that it still waits for.
    if (reason !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.method()} ${request.url()} ${reason}`)
  })
  return complaints
}
