import { fastifySSE } from '@fastify/sse'
import type { FastifyError, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { CacheAdapter } from '../cache/index.ts'
import { requireAdmin } from '../hooks/require-admin.ts'
import { explain, type Explained, ExplanationSchema, type ExplainQuery, ExplainQuerySchema } from './api/explain.ts'
import { purgeApi } from './api/purge.ts'
import { listMetrics } from '../metrics/prometheus.ts'
import { CacheStats } from '../metrics/stats.ts'
import { formatMetrics } from '../metrics/text-format.ts'
import { EventStream } from './page/event-stream.ts'
import { RecentInvalidations } from './page/recent-invalidations.ts'
import { TimeSeries } from './page/time-series.ts'
import { createViewModel, type Figures } from './page/view-model.ts'

export interface DashboardOptions {
  cache: CacheAdapter
  /** Milliseconds since 1970. */
  now: () => number
  /** The address that the service listens on: beyond loopback, the dashboard needs the token. */
  host: string
  adminToken: string | undefined
}

const SAMPLE_MS = 1_000

/**
 * `GET /metrics` for Prometheus; `GET /cache`, `/cache/events` and `/cache/explain` for people; `POST /cache/purge` for
 * administrators.
 */
export const dashboard: FastifyPluginAsync<DashboardOptions> = async (app, { cache, now, host, adminToken }) => {
  const { redis } = app
  const stats = new CacheStats({ cache, redis })
  const invalidations = new RecentInvalidations(cache, now, () => stream.notifyChange())
  const history = new TimeSeries(stats, now)
  const figures = (): Figures =>
    createViewModel({ cache, stats, invalidations: invalidations.list, redis, watchers: stream.watchers })
  const stream: EventStream = new EventStream(history, () => app.view('partials/figures', figures()))
  const interval = setInterval(() => { stream.tick() }, SAMPLE_MS).unref()
  app.addHook('preClose', async () => {
    clearInterval(interval)
    stream.close()
  })

  const metrics = listMetrics({ cache, stats, redis: redis !== undefined, watchers: () => stream.watchers })
  const processMetrics = new Registry()
  collectDefaultMetrics({ register: processMetrics })
  app.addHook('onClose', async () => {
    invalidations.close()
    stats.close()
    processMetrics.clear()
  })

  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    return reply.type(processMetrics.contentType).send(formatMetrics(metrics) + await processMetrics.metrics())
  })

  const onRequest = requireAdmin({ host, token: adminToken })
  const explainFor = (request: FastifyRequest, query: ExplainQuery) =>
    explain(query, { cache, now, origin: `${request.protocol}://${request.host}`, explainPage: app.larder.explain })

  const pageSchema = { hide: true, querystring: ExplainQuerySchema }
  app.get<{ Querystring: ExplainQuery }>('/cache', { onRequest, schema: pageSchema }, async (request, reply) => {
    const asked = normalizeForm(request.query)
    let explanation: Explained | undefined
    let error: string | undefined
    if (asked.url || asked.key) {
      try {
        explanation = await explainFor(request, asked)
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
      summary: 'Explains what a request would get from the cache now, or what is stored under a key',
      querystring: ExplainQuerySchema,
      response: { 200: ExplanationSchema }
    }
  }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    return await explainFor(request, request.query)
  })

  await app.register(fastifySSE)
  app.get('/cache/events', {
    onRequest, exposeHeadRoute: false, sse: { kind: 'only', heartbeat: false }, schema: { hide: true }
  }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    await stream.add(reply)
  })
  await app.register(purgeApi, { token: adminToken })
}

/** Splits the headers into lines. A form sends empty fields too, and all headers in one field. */
function normalizeForm ({ url = '', key = '', header = [], ...query }: ExplainQuery): ExplainQuery {
  const lines = header.flatMap((text) => text.split(/\r?\n/))
  return { ...query, url, key, header: lines.filter((line) => line.trim() !== '') }
}
