import { createHash } from 'node:crypto'
import type pg from 'pg'
import { CATALOG } from './sql/catalog.ts'
import { EVENTS } from './sql/events.ts'
import { LOOK } from './sql/look.ts'
import { TABLES } from './sql/tables.ts'
import { TRIGGERS } from './sql/triggers.ts'

const DEFINITIONS = [TABLES, LOOK, TRIGGERS, CATALOG]
const VERSION = createHash('sha256').update([...DEFINITIONS, EVENTS].join()).digest('hex').slice(0, 16)
/** Of the advisory lock that two processes take in turn. */
const LOCK = "hashtext('larder.install')"

/** What an installation could not do. */
export interface Installed {
  /** Whether changes of the schema are followed in the transaction that makes them. */
  readonly hasEvents: boolean
  /** Tables that this role may not watch. */
  readonly unwatched: readonly string[]
}

/**
 * Creates what is missing of the clock: tables, functions, and the triggers of all tables. If nothing is missing, it
 * changes nothing.
 *
 * @param lockWaitMs how long it waits for locks of tables
 */
export async function installClock (client: pg.ClientBase, lockWaitMs: number): Promise<Installed> {
  return await inTransaction(client, lockWaitMs, async () => {
    const { rows: [found] } = await client.query<{ version: string | null }>(
      "SELECT obj_description(to_regnamespace('larder'), 'pg_namespace') AS version")
    await client.query("SET LOCAL larder.watching = 'on'")
    const isNew = found!.version !== VERSION
    if (isNew) {
      for (const statement of DEFINITIONS) await client.query(statement)
      await client.query(`COMMENT ON SCHEMA larder IS '${VERSION}'`)
    }
    if (isNew || (!await hasEvents(client) && await mayCreate(client))) await client.query(EVENTS)
    await client.query('SELECT larder.watch_all(true)')
    if (isNew) await client.query("INSERT INTO larder.changes (rel, slots) VALUES (0, '{-1}')")
    const { rows } = await client.query<{ name: string }>(
      'SELECT oid::regclass::text AS name FROM larder.tables() oid WHERE larder.is_watched(oid) IS NOT TRUE')
    return { hasEvents: await hasEvents(client), unwatched: rows.map(({ name }) => name) }
  })
}

/** Removes the clock from the database. */
export async function removeClock (client: pg.ClientBase, lockWaitMs: number): Promise<void> {
  await inTransaction(client, lockWaitMs, async () => {
    await client.query("SET LOCAL larder.watching = 'on'")
    await client.query('DROP EVENT TRIGGER IF EXISTS larder_ddl; DROP EVENT TRIGGER IF EXISTS larder_drop')
    await client.query('DROP SCHEMA IF EXISTS larder CASCADE')
  })
}

async function hasEvents (client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ has: boolean }>('SELECT larder.has_events() AS has')
  return rows[0]!.has
}

/** Whether the role may create functions of the clock. */
async function mayCreate (client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>("SELECT has_schema_privilege('larder', 'CREATE') AS may")
  return rows[0]!.may
}

async function inTransaction<T> (client: pg.ClientBase, lockWaitMs: number, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
  try {
    await client.query(`SET LOCAL lock_timeout = ${Math.ceil(lockWaitMs)}`)
    await client.query("SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = 'warning'")
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`)
    const result = await work()
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}
