import './check-node.ts'

export { metrics as default, type MetricsOptions, type MetricsRegistry } from '../metrics/index.ts'
