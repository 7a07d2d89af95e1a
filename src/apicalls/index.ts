import type { FastifyPluginAsync } from 'fastify'
import { startFakeHttpbin } from './fake-httpbin.ts'
import { createHttpbin } from './httpbin.ts'

export interface ApicallsOptions {
  /** URL of httpbin. `undefined`: start a fake one in this process. */
  url: string | undefined
  /** Seconds that the upstream is asked to take. */
  delay: number
  /** Seconds for which the page is stored. */
  ttl: number
  /** Returns milliseconds since 1970. */
  now: () => number
}

/** Seconds after its expiry for which a stale page may be served if the upstream fails or is too slow. */
const STALE_IF_ERROR = 24 * 3600
/** Seconds that the upstream may take in addition to its delay, if there is a stale page to serve. */
const GRACE = 1

/** `GET /apicalls`: a page that takes as long as its upstream. The page cache stores the whole response. */
export const apicalls: FastifyPluginAsync<ApicallsOptions> = async (app, { url, delay, ttl, now }) => {
  const fake = url === undefined ? await startFakeHttpbin() : undefined
  const httpbin = createHttpbin(url ?? fake!.url)
  app.addHook('onClose', async () => {
    await httpbin.close()
    await fake?.close()
  })
  const source = fake === undefined ? new URL(url!).host : 'the built-in fake of httpbin'

  // Nothing in the database shapes the page.
  const cachePage = { ttl, staleIfError: STALE_IF_ERROR, timeout: delay + GRACE, tags: [] }
  app.get('/apicalls', { config: { cachePage }, schema: { hide: true } }, async (_request, reply) => {
    const start = performance.now()
    await httpbin.delay(delay)
    const madeIn = performance.now() - start // milliseconds; a part of the stored page, so every hit shows the same
    return reply.viewAsync('apicalls', { receivedAt: new Date(now()).toISOString(), madeIn, delay, source })
  })
}
