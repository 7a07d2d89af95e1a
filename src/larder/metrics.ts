/**
 * The metrics of the caches, for Prometheus.
 *
 * @module fastify-larder/metrics
 */

import './check-node.ts'

export { type Gauge, metrics as default, type MetricsOptions, type MetricsRegistry } from '../metrics/index.ts'
