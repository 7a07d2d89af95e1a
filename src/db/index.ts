export { openDatabase } from './open.ts'
export type { Database, Sql } from './database.ts'
export { advancedTo, isoTime, latestFirst, NOW } from './columns.ts'
export { createSignal, type Signal, type Subscriber } from './signal.ts'
