import { fastifySSE } from '@fastify/sse'
import type { FastifyError, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Cache } from '../cache/index.ts'
import { requireAdmin } from '../hooks/require-admin.ts'
import { type Figures, createViewModel } from './page/view-model.ts'
import { TimeSeries } from './page/time-series.ts'
import { RecentInvalidations } from './page/recent-invalidations.ts'
import { EventStream } from './page/event-stream.ts'
import { createMetrics } from './metrics/prometheus.ts'
import { purgeApi } from './api/purge.ts'
import { type ExplainQuery, explain, type Explained, ExplanationSchema, ExplainQuerySchema } from './api/explain.ts'
import { CacheStats } from './metrics/stats.ts'

export interface DashboardOptions {
  cache: Cache
  /** Milliseconds since 1970. */
  now: () => number
  /** Where the service listens: beyond loopback the dashboard needs the token. */
  host: string
  adminToken: string | undefined
}

const SECOND = 1_000

/**
 * `GET /metrics` for Prometheus; `GET /cache`, its events and its explanations for people; and `POST /cache/purge` for who
 * has the token.
 */
export const dashboard: FastifyPluginAsync<DashboardOptions> = async (app, { cache, now, host, adminToken }) => {
  const { redis } = app
  const tally = new CacheStats({ cache, redis })
  const invalidations = new RecentInvalidations(cache, now, () => live.changed())
  const history = new TimeSeries(tally, now)
  const figures = (): Figures => createViewModel({ cache, tally, invalidations: invalidations.last, redis, watchers: live.watchers })
  const live: EventStream = new EventStream(history, () => app.view('partials/figures', figures()))
  const registry = createMetrics({ cache, tally, redis: redis !== undefined, watchers: () => live.watchers })
  const clock = setInterval(() => { live.tick() }, SECOND).unref()
  app.addHook('preClose', async () => {
    clearInterval(clock)
    live.close()
  })
  app.addHook('onClose', async () => {
    invalidations.close()
    tally.close()
    registry.clear()
  })

  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics())
  })

  const onRequest = requireAdmin({ host, token: adminToken })
  const knowing = ({ protocol, host }: FastifyRequest) => ({ cache, now, origin: `${protocol}://${host}`, explainPage: app.explainPage })

  app.get<{ Querystring: ExplainQuery }>('/cache', { onRequest, schema: { hide: true, querystring: ExplainQuerySchema } }, async (request, reply) => {
    const asked = askedIn(request.query)
    let explanation: Explained | undefined
    let error: string | undefined
    if (asked.url || asked.key) {
      try {
        explanation = await explain(asked, knowing(request))
      } catch (failure) {
        const { statusCode = 500, message } = failure as FastifyError
        if (statusCode >= 500) throw failure
        reply.code(statusCode)
        error = message
      }
    }
    return reply.viewAsync('cache', { ...figures(), asked, explanation, error })
  })

  app.get<{ Querystring: ExplainQuery }>('/cache/explain', {
    onRequest,
    schema: {
      tags: ['cache'],
      summary: 'What a request would get from the cache now, or what is stored under a key, and why',
      querystring: ExplainQuerySchema,
      response: { 200: ExplanationSchema }
    }
  }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    return await explain(request.query, knowing(request))
  })

  await app.register(fastifySSE)
  app.get('/cache/events', { onRequest, exposeHeadRoute: false, sse: { kind: 'only', heartbeat: false }, schema: { hide: true } }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    await live.add(reply)
  })
  await app.register(purgeApi, { token: adminToken })
}

/** A form sends what is left empty too, and headers in lines. */
function askedIn ({ url = '', key = '', header = [], ...query }: ExplainQuery): ExplainQuery {
  return { ...query, url, key, header: header.flatMap((text) => text.split(/\r?\n/)).filter((line) => line.trim() !== '') }
}
