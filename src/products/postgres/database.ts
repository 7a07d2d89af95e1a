import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { Database } from '../../db/index.ts'

export type PostgresDatabase = Omit<Database, 'sql'> & { readonly sql: NodePgDatabase }
