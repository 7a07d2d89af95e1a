import './check-node.ts'

export { dashboard as default, type DashboardOptions } from '../dashboard/index.ts'
