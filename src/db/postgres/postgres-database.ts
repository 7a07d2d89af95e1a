import { AsyncLocalStorage } from 'node:async_hooks'
import type pg from 'pg'
import type { PostgresClock } from '../../larder/postgres.ts'
import type { Database } from '../database.ts'
import type { DatabaseLimits, resolveLimits } from '../limits.ts'
import { Transactions } from '../transactions.ts'
import { createWarn } from '../warn.ts'
import type { PostgresConnection, Result, Statement } from './connection.ts'
import { Connections } from './connections.ts'
import { classifyError, translateError } from './error-translation.ts'
import { Reads } from './reads.ts'
import { createSql, type PostgresSql } from './session.ts'
import { transactionVersions } from './versions.ts'
import { describeTrouble, type Trouble } from './warnings.ts'

/** The part of the connections that transactions leave to reads, which need one for a moment only. */
const FOR_READS = 0.2

/** Reads something, whatever it is, and whether transactions can write. */
const PROBE = "SELECT current_setting('transaction_read_only') AS read_only, (SELECT 1 FROM products LIMIT 1)"
/** Whether the transaction has a number, which it gets when it writes. */
const HAS_WRITTEN = 'SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS has_written'

export interface PostgresDatabase extends Database {
  readonly dialect: 'postgres'
  /**
   * Runs statements: in the transaction of the caller, otherwise on any connection. Rejects with a 503 error if the
   * database does not respond in time. Changes belong into transactions.
   */
  readonly sql: PostgresSql
}

export interface PostgresDatabaseOptions {
  readonly pool: pg.Pool
  /** Creates a client of the same server that does not connect by itself. */
  readonly createClient: () => pg.Client
  /**
   * Creates the version clock.
   *
   * @param transaction returns the connection of the caller's transaction, if it is in one
   */
  readonly createClock: (transaction: () => PostgresConnection | undefined) => Promise<PostgresClock>
  readonly limits: ReturnType<typeof resolveLimits>
  readonly onWarning: DatabaseLimits['onWarning']
  /** The URL without its password. */
  readonly place: string
}

/**
 * A PostgreSQL. Each transaction has a connection of the pool, and so has each statement outside of transactions. The
 * version clock has connections of its own.
 */
export async function createPostgresDatabase (
  { pool, createClient, createClock, limits, onWarning, place }: PostgresDatabaseOptions
): Promise<PostgresDatabase> {
  const { lockWaitMs, transactionMs, readMs } = limits
  const connections = new Connections({
    pool,
    createClient,
    commitMs: transactionMs,
    onSilence: () => warn('unavailable', describeTrouble('unavailable', place, 'it did not answer in time')),
    translate
  })
  const reads = new Reads(connections, readMs)
  const signals = new AsyncLocalStorage<AbortSignal | undefined>()
  const warn = createWarn<Trouble>(onWarning)
  const { max } = pool.options
  const transactions = new Transactions({
    connect: () => connections.take(lockWaitMs),
    maxRunning: Math.max(1, Math.floor(max * (1 - FOR_READS))),
    lockWaitMs,
    transactionMs
  })
  const inTransaction = () => transactions.current !== undefined

  const clock = await createClock(() => transactions.outermost?.connection)

  async function execute (statement: Statement, values?: unknown[]): Promise<Result> {
    const scope = transactions.outermost
    return scope === undefined
      ? await reads.run(statement, values, signals.getStore())
      : await scope.connection!.query(statement, values)
  }

  /** Returns the error that callers get. If it concerns all of them, it is logged. */
  function translate (error: unknown): unknown {
    const kind = classifyError(error)
    if (kind !== undefined && kind !== 'busy' && kind !== 'over') {
      warn(kind, describeTrouble(kind, place, (error as Error).message))
    }
    return translateError(error)
  }

  return {
    dialect: 'postgres',
    place,
    sql: createSql(execute),
    get inTransaction () {
      return inTransaction()
    },
    transaction: (work) => transactions.run(work, signals.getStore()),
    afterCommit: (callback) => transactions.afterCommit(callback),
    withSignal: (signal, work) => signals.run(signal, work),
    versions: transactionVersions({
      committed: clock.versions,
      inTransaction,
      hasWritten: async () => (await execute(HAS_WRITTEN)).rows[0].has_written
    }),
    async checkState () {
      const { rows } = await execute(PROBE)
      return rows[0].read_only === 'on' ? 'read-only' : 'ok'
    },
    load: { reads: reads.meter, transactions: transactions.meter },
    async close () {
      await clock.close()
      await connections.close()
    }
  }
}
