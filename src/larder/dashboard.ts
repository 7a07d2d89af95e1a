/**
 * A page that shows what the caches do, explains requests, and purges.
 *
 * @module fastify-larder/dashboard
 */

import './check-node.ts'

export { isLoopback } from '../access/is-loopback.ts'
export { dashboard as default, type DashboardOptions } from '../dashboard/index.ts'
export type { Gauge } from '../metrics/index.ts'
