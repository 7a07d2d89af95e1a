import fp from 'fastify-plugin'
import { collectDefaultMetrics } from 'prom-client'
import dashboard, { isLoopback } from '../larder/dashboard.ts'
import metrics from '../larder/metrics.ts'
import type { DatabaseLoad } from '../db/index.ts'
import type { Peers } from '../workers/peers.ts'
import { createRegistry } from '../workers/shared-registry.ts'
import { listDatabaseFigures, listDatabaseMetrics } from './database-figures.ts'

interface DashboardPluginOptions {
  host: string
  token: string | undefined
  load: DatabaseLoad
  peers: Peers | undefined
}

/**
 * The dashboard at /cache and the metrics at /metrics.
 *
 * @param options.host the host on which the service listens: on loopback, the dashboard is open to programs on this
 * machine, but not to other sites and machines whose requests a browser or a proxy on it passes on
 * @param options.token the `ADMIN_TOKEN`: opens the dashboard to all clients that send it, and purges
 * @param options.load the work of the database, whose figures are shown
 * @param options.peers the other workers, whose metrics are added
 */
export default fp<DashboardPluginOptions>(async (app, { host, token, load, peers }) => {
  const links = { Products: '/', 'API calls': '/apicalls', 'API docs': '/docs' }
  const openTo = isLoopback(host) ? 'loopback' : 'nobody'
  await app.register(dashboard, { prefix: '/cache', token, openTo, links, gauges: listDatabaseFigures(load) })

  const registry = createRegistry(peers)
  collectDefaultMetrics({ register: registry })
  app.addHook('onClose', async () => registry.clear())
  await app.register(metrics, { registry, gauges: listDatabaseMetrics(load), route: '/metrics' })
}, { fastify: '5.x', name: 'larder-dashboard' })
