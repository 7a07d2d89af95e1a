import type { FastifyPluginAsync } from 'fastify'
import { createHttpbin, type Httpbin } from './httpbin.ts'
import { startStandIn } from './fake-httpbin.ts'

export interface ApicallsOptions {
  /** Where httpbin is; unset: a stand-in of our own. */
  url: string | undefined
  /** Seconds asked of it. */
  delay: number
  /** Seconds that the page is kept. */
  ttl: number
  /** Milliseconds since 1970. */
  now: () => number
}

/** Seconds after its life for which an old page stands in for an upstream that fails, or takes longer than it was asked to. */
const STALE_IF_ERROR = 24 * 3600
/** Seconds that the upstream may take beyond the delay, where an old page can stand in. */
const GRACE = 1

/** `GET /apicalls`: a page that takes as long as its upstream, and is kept whole. */
export const apicalls: FastifyPluginAsync<ApicallsOptions> = async (app, { url, delay, ttl, now }) => {
  const standIn = url === undefined ? await startStandIn() : undefined
  const httpbin: Httpbin = createHttpbin(url ?? standIn!.url)
  app.addHook('onClose', async () => {
    await httpbin.close()
    await standIn?.close()
  })
  const source = standIn === undefined ? new URL(url!).host : 'the built-in stand-in for httpbin'

  const cachePage = { ttl, staleIfError: STALE_IF_ERROR, timeout: delay + GRACE }
  app.get('/apicalls', { config: { cachePage }, schema: { hide: true } }, async (_request, reply) => {
    const began = performance.now()
    await httpbin.delay(delay)
    const madeIn = performance.now() - began // milliseconds; kept with the page, for all who get it later
    return reply.viewAsync('apicalls', { receivedAt: new Date(now()).toISOString(), madeIn, delay, source })
  })
}
