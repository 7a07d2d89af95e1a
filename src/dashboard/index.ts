import type { FastifyPluginCallback } from 'fastify'
import type { Cache } from '../cache/index.ts'
import { requireAdmin } from '../plugins/admin.ts'
import { recordInvalidations } from './invalidations.ts'
import { createMetrics } from './metrics.ts'
import { purgeApi } from './purge.ts'
import { cacheTables } from './tables.ts'

export interface DashboardOptions {
  cache: Cache
  /** Milliseconds since 1970. */
  now: () => number
  /** Where the service listens: beyond loopback the dashboard needs the token. */
  host: string
  adminToken: string | undefined
}

/** `GET /metrics` for Prometheus, `GET /cache` for people, and `POST /cache/purge` for who has the token. */
export const dashboard: FastifyPluginCallback<DashboardOptions> = (app, { cache, now, host, adminToken }, done) => {
  const metrics = createMetrics(cache)
  const invalidations = recordInvalidations(cache, now)
  app.addHook('onClose', async () => {
    metrics.close()
    invalidations.close()
  })

  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })

  const onRequest = requireAdmin({ host, token: adminToken })
  app.get('/cache', { onRequest, schema: { hide: true } }, async (_request, reply) => {
    return reply.viewAsync('cache', {
      store: cache.storeName,
      redis: app.redis?.status,
      memory: cache.stats(),
      invalidations: invalidations.last,
      ...await cacheTables(metrics)
    })
  })
  app.register(purgeApi, { token: adminToken })
  done()
}
