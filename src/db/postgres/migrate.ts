import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type pg from 'pg'

const MIGRATIONS = fileURLToPath(new URL('../../../drizzle/postgres', import.meta.url))
/** The table that lists the migrations that were applied. */
const SCHEMA = 'larder_migrations'
const TABLE = 'applied'
/** Of the advisory lock that processes take in turn, when several start at once. */
const LOCK = sql`hashtext('larder.migrate')`

/** Milliseconds to wait for another process that applies migrations. */
const LOCK_WAIT_MS = 60_000

/** The parts of Drizzle's session that its migrator uses. */
interface Session {
  transaction<T> (work: (transaction: NodePgDatabase) => Promise<T>): Promise<T>
}

/** The parts of a handle of Drizzle that its types hide. */
interface Internals {
  readonly session: Session
  readonly dialect: {
    migrate (migrations: MigrationMeta[], session: Session, config: object): Promise<void>
  }
}

/**
 * Applies missing migrations in one transaction, all or none. If there are none, it needs no right to create anything.
 *
 * @param client that nothing else uses, and that has no time limits
 * @param lockWaitMs milliseconds to wait for tables that are locked
 */
export async function migrate (
  client: pg.Client, lockWaitMs: number, folder: string = MIGRATIONS
): Promise<void> {
  const migrations = readMigrationFiles({ migrationsFolder: folder })
  const handle = drizzle({ client })
  if (await isUpToDate(handle, migrations)) return
  await handle.transaction(async (transaction) => {
    await transaction.execute(sql.raw(`SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`))
    await transaction.execute(sql`SELECT pg_advisory_xact_lock(${LOCK})`)
    await transaction.execute(sql.raw(`SET LOCAL lock_timeout = ${Math.max(1, lockWaitMs)}`))
    await transaction.execute(sql`SET LOCAL client_min_messages = 'warning'`)
    const { dialect, session } = transaction as unknown as Internals
    // The migrator begins a transaction of its own, but this one has the lock.
    const inThis: Session = Object.create(session, { transaction: { value: (work: any) => work(transaction) } })
    await dialect.migrate(migrations, inThis, { migrationsSchema: SCHEMA, migrationsTable: TABLE })
  }, { isolationLevel: 'read committed', accessMode: 'read write' })
}

async function isUpToDate (handle: NodePgDatabase, migrations: readonly MigrationMeta[]): Promise<boolean> {
  const table = sql`${sql.identifier(SCHEMA)}.${sql.identifier(TABLE)}`
  try {
    const { rows } = await handle.execute<{ last: string | null }>(sql`SELECT max(created_at) AS last FROM ${table}`)
    return Number(rows[0]!.last) >= Math.max(...migrations.map(({ folderMillis }) => folderMillis))
  } catch {
    return false // there is no such table yet
  }
}
