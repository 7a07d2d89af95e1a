import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Database } from '../../db/index.ts'

export interface PostgresDatabase extends Database {
  readonly sql: NodePgDatabase
}
