import createError from '@fastify/error'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { findLarder } from '../access/find-larder.ts'
import { HIDDEN_SCHEMA } from '../access/hidden-schema.ts'
import { checkToken, requireToken } from '../access/require-token.ts'
import { checkNames, OptionError } from '../cache/index.ts'
import { checkGauges, createMetric, type Gauge } from './gauges.ts'
import { openStats } from './open-stats.ts'
import { type MetricsRegistry, OWN_LABELS, registerMetrics } from './registry.ts'

export type { Gauge, MetricsRegistry }

const PackageError = createError('FST_ERR_LARDER_METRICS_PACKAGE',
  'The metrics need the package prom-client. Install it, or pass a registry of it as the option registry.', 500)

export interface MetricsOptions {
  /** A registry of prom-client that the metrics are added to. Default the global one of prom-client. */
  registry?: MetricsRegistry | undefined
  /**
   * Labels of all samples. They tell the caches apart if a registry has the metrics of several. Their names are none of
   * those that the metrics themselves have, e.g. `route`.
   */
  labels?: Readonly<Record<string, string>>
  /** Figures of the application that are added to the registry. Default none. */
  gauges?: readonly Gauge[]
  /** Path of a route that sends all metrics of the registry, e.g. `/metrics`. Default none. */
  route?: string
  /** The route requires this token, as a bearer token. Default unset: it responds to every client. */
  token?: string | undefined
}

const NAMES = new Set<keyof MetricsOptions | 'prefix' | 'logLevel' | 'logSerializers'>([
  'registry', 'labels', 'gauges', 'route', 'token',
  'prefix', 'logLevel', 'logSerializers' // those of Fastify
])

const plugin: FastifyPluginAsync<MetricsOptions> = async (app, options) => {
  checkMetricsOptions(options)
  const { labels = {}, gauges = [], route, token } = options
  const registry = options.registry ?? await importRegistry()
  const onClose = (close: () => void) => app.addHook('onClose', async () => close())
  const stats = openStats(findLarder(app).cache, onClose)
  onClose(registerMetrics(registry, stats, labels, gauges.map(createMetric)))
  if (route === undefined) return
  const onRequest = token === undefined ? [] : requireToken(token)
  app.get(route, { onRequest, schema: HIDDEN_SCHEMA }, async (_request, reply) => {
    reply.type(registry.contentType).header('cache-control', 'no-store')
    return await registry.metrics()
  })
}

async function importRegistry (): Promise<MetricsRegistry> {
  const client = await import('prom-client').catch(() => { throw new PackageError() })
  return client.register
}

function checkMetricsOptions (options: MetricsOptions): void {
  checkNames('fastify-larder/metrics', options, NAMES)
  const { registry, labels, gauges, route, token } = options
  checkToken(token)
  if (registry !== undefined && typeof registry?.registerMetric !== 'function') {
    throw new OptionError('The option registry must be a registry of prom-client.')
  }
  if (labels !== undefined) checkLabels(labels)
  if (gauges !== undefined) checkGauges(gauges)
  if (route !== undefined && !(typeof route === 'string' && route.startsWith('/'))) {
    throw new OptionError('The option route must be a path such as /metrics.')
  }
  if (token !== undefined && route === undefined) throw new OptionError('The option token needs the option route.')
}

function checkLabels (labels: unknown): void {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw new OptionError('The option labels must be an object such as { cache: "first" }.')
  }
  for (const [name, value] of Object.entries(labels)) {
    if (!/^(?!__)[a-zA-Z_]\w*$/.test(name)) {
      throw new OptionError(`The option labels has ${JSON.stringify(name)}, which cannot be the name of a label.`)
    }
    if (OWN_LABELS.includes(name)) {
      throw new OptionError(`The option labels has ${name}, which metrics have themselves. Choose another name.`)
    }
    if (typeof value !== 'string') throw new OptionError(`The label ${name} must be a text.`)
  }
}

/** Adds the metrics of `app.larder` to a registry of prom-client. */
export const metrics = fp(plugin, { fastify: '5.x', name: 'fastify-larder-metrics', encapsulate: true })
