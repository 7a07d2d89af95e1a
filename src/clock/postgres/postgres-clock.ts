import createError from '@fastify/error'
import type pg from 'pg'
import { checkDuration, checkFunction, checkNames, type Duration, type Versions } from '../../cache/index.ts'
import { makeExpirable } from '../expirable.ts'
import { Catalog } from './catalog.ts'
import { createLookClient, createOwnPool, withClient, withFreshClient } from './clients.ts'
import { Connection } from './connection.ts'
import { explainGeneric } from './explain.ts'
import { installClock, removeClock } from './install.ts'
import { createLookStatement, Looks } from './looks.ts'
import { QueryDependencies } from './query-dependencies.ts'
import { RecentChanges, type Slot } from './recent-changes.ts'
import { createStaleStatement, StaleEntries } from './stale-entries.ts'
import { Tracking } from './tracking.ts'
import { postgresVersions } from './versions.ts'
import { listWarnings } from './warnings.ts'
import { watchPool, watchTransactions, watchWrites } from './watch-pool.ts'

const ConnectionError = createError<[string]>('FST_ERR_LARDER_CONNECTION', '%s', 500, TypeError)
const LockedError = createError<[number]>(
  'FST_ERR_LARDER_LOCKED', 'A table stayed locked for %s s, so the version clock cannot be changed.', 503)

/** Milliseconds that a look may take. */
const DEADLINE_MS = 250
/** Milliseconds between two attempts to fold old changes. */
const FOLD_MS = 2_000

const READ_COMMITTED = 'read committed'

/** The class of PostgreSQL's errors about locks that are not available. */
const LOCK_NOT_AVAILABLE = '55P03'

/** Runs statements, as a client of pg does. */
export interface Queryable {
  query (sql: string, values: unknown[]): Promise<unknown>
}

export interface PostgresClockOptions {
  /** How long the start, `refresh()` and `remove()` wait for a table that is locked. Default 5 seconds. */
  lockWait?: Duration
  /**
   * Whether the connection of the clock may use prepared statements. Default true, until it turns out that a pooler
   * loses them, as PgBouncer does in transaction mode.
   */
  prepare?: boolean
  /**
   * Returns the client of the transaction that the caller is in, if it is in one. Tags that are invalidated or expired
   * there change when it is committed, together with its data. Default: they change at once.
   */
  transaction?: () => Queryable | undefined
  /** Called at the start, and later if that changes, for each thing that the clock cannot see. Default: a warning. */
  onWarning?: (message: string) => void
}

const OPTIONS = new Set<keyof PostgresClockOptions>(['lockWait', 'prepare', 'transaction', 'onWarning'])

/** A version clock in a database of an application. */
export interface PostgresClock {
  /** For the option `clock` of the plugin, or `versions` of `createCache`. */
  readonly versions: Versions
  /** For Drizzle's option `logger`: what each statement reads becomes tags of what is being cached. */
  readonly logger: { logQuery (query: string, parameters: unknown[]): void }
  /** Tracks all statements of the pool from now on, also without Drizzle. Takes and returns the pool. */
  watch<T extends pg.Pool> (pool: T): T
  /** Creates what is missing, e.g. triggers of new tables if the clock may not follow changes of the schema itself. */
  refresh (): Promise<void>
  /** Removes all that the clock has created, and closes it. */
  remove (): Promise<void>
  /** Closes the connections of the clock. The pool of the application stays open. */
  close (): Promise<void>
}

/**
 * Creates a version clock in the database of an application, which lists the changes that any program makes.
 *
 * It creates the schema `larder`, and triggers on the tables. It opens a connection to the primary that stays open, and
 * up to two more when it needs them. Call it after the migrations of the application.
 *
 * @param pool of node-postgres: it connects to the primary
 */
export async function postgresClock (pool: pg.Pool, options: PostgresClockOptions = {}): Promise<PostgresClock> {
  if (typeof pool?.connect !== 'function' || typeof pool.listeners !== 'function' || pool.options === undefined) {
    throw new ConnectionError('postgresClock() takes a Pool of pg.')
  }
  checkNames('postgresClock()', options, OPTIONS)
  const {
    prepare = true, transaction = () => undefined,
    onWarning = (message) => process.emitWarning(message, 'LarderWarning')
  } = options
  const lockWaitMs = checkDuration('lockWait', options.lockWait ?? 5) * 1000
  checkFunction('onWarning', onWarning)
  checkFunction('transaction', transaction)
  const own = createOwnPool(pool)
  const warned = new Set<string>()
  let catalog: Catalog
  let isClosed = false
  const folding = setInterval(() => { fold(own).catch(() => {}) }, FOLD_MS).unref()
  const getCatalog = () => catalog

  async function install (): Promise<void> {
    try {
      const installed = await withFreshClient(pool, (client) => installClock(client, lockWaitMs))
      for (const warning of listWarnings(installed)) {
        if (!warned.has(warning)) onWarning(warning)
        warned.add(warning)
      }
    } catch (error) {
      throw explainError(error)
    }
  }

  function explainError (error: unknown): unknown {
    return (error as { code?: string }).code === LOCK_NOT_AVAILABLE ? new LockedError(lockWaitMs / 1000) : error
  }

  async function readSchema (): Promise<void> {
    const { rows: [row] } = await own.query<{ relations: string, unsafe: string }>('SELECT * FROM larder.catalog()')
    catalog = new Catalog(row!.relations, row!.unsafe)
    looks.expire() // by other names, older changes would not be found
  }

  const changes = new RecentChanges()
  const [look, stale] = [createLookStatement(prepare), createStaleStatement(prepare)]
  const connection = new Connection({
    createClient: () => createLookClient(pool),
    onConnect: async (client) => {
      const { rows: [row] } = await client.query<{ nonce: string, isolation: string }>(
        "SELECT larder.begin_history() AS nonce, current_setting('default_transaction_isolation') AS isolation")
      const { nonce, isolation } = row!
      // At a higher level, looks could fail transactions of the application.
      if (isolation !== READ_COMMITTED) await client.query(`SET default_transaction_isolation TO '${READ_COMMITTED}'`)
      if (nonce !== looks.nonce) {
        // Before the schema is read, so that every later change of it is seen.
        const { rows: [now] } = await client.query<{ now: string }>('SELECT pg_current_snapshot()::text AS now')
        looks.beginHistory(nonce, now!.now)
      }
      await readSchema()
    },
    statements: [look, stale],
    onPooled () {
      look.name = stale.name = ''
      looks.encode()
    },
    deadlineMs: DEADLINE_MS
  })
  const looks = new Looks({ connection, changes, readSchema, statement: look })
  const isNamed = (tag: string) => getCatalog().resolve(tag).rel === '0'
  const versions = makeExpirable(postgresVersions({
    looks,
    changes,
    staleEntries: new StaleEntries(connection, looks, stale),
    getCatalog,
    invalidate: async (slots) => await listChanges(transaction() ?? own, slots),
    readLastChange: async ({ rel, slot }) => {
      const { rows } = await own.query('SELECT larder.last_change($1, $2) AS xid', [rel, slot ?? null])
      return `${looks.nonce}/${rows[0].xid ?? 0}`
    }
  }), isNamed)
  const tracking = new Tracking({
    versions,
    dependencies: new QueryDependencies({
      explain: (sql) => withClient(own, (client) => explainGeneric(client, sql)), getCatalog, deadlineMs: DEADLINE_MS
    }),
    getStamp: () => looks.last?.stamp,
    onSessionChange: (sql) => onWarning(
      'Since a statement has changed what names mean in a session, nothing that is read from now on is stored: ' +
      `${sql.slice(0, 100)}. Set search_path and roles in the options of the pool.`)
  })

  try {
    await install()
    await connection.open()
    await looks.look()
  } catch (error) {
    await close()
    throw error
  }
  watchTransactions(pool)
  watchWrites(pool, looks)

  async function close (): Promise<void> {
    if (isClosed) return
    isClosed = true
    clearInterval(folding)
    connection.close()
    await own.end()
  }

  return {
    versions,
    logger: { logQuery: tracking.logQuery },
    watch (watched) {
      if (watched as unknown !== pool) throw new ConnectionError('watch() takes the pool of the clock.')
      watchPool(watched, tracking.logQuery)
      return watched
    },
    async refresh () {
      await install()
      await readSchema()
    },
    async remove () {
      await withFreshClient(pool, (client) => removeClock(client, lockWaitMs))
        .catch((error) => { throw explainError(error) })
      await close()
    },
    close
  }
}

async function listChanges (queryable: Queryable, slots: readonly Slot[]): Promise<void> {
  // All rows of a table have changed if its tag has.
  await queryable.query(
    'INSERT INTO larder.changes (rel, slots) SELECT rel, ARRAY[slot] FROM unnest($1::oid[], $2::int4[]) c(rel, slot)',
    [slots.map(({ rel }) => rel), slots.map(({ slot }) => slot ?? -1)])
}

/** Folds old changes, so that the table of changes stays small. Only one of many processes does it at a time. */
async function fold (pool: pg.Pool): Promise<void> {
  const folded = await withClient(pool, async (client) => {
    await client.query(`BEGIN ISOLATION LEVEL ${READ_COMMITTED} READ WRITE`)
    const { rows } = await client.query<{ folded: string | null }>('SELECT larder.fold() AS folded')
    await client.query('COMMIT')
    return Number(rows[0]!.folded)
  })
  if (folded > 0) await pool.query('VACUUM (SKIP_LOCKED) larder.changes')
}
