import { AsyncLocalStorage } from 'node:async_hooks'
import type Sqlite from 'better-sqlite3'
import { sql as plain } from 'drizzle-orm'
import { currentReads, type Versions } from '../../cache/index.ts'
import { Clock } from '../../clock/sqlite/clock.ts'
import { FileContent } from '../../clock/sqlite/file-content.ts'
import { History } from '../../clock/sqlite/history.ts'
import { knowsRowCounts } from '../../clock/sqlite/recount-rows.ts'
import { isFullError, isReadOnlyError } from '../../clock/sqlite/error-codes.ts'
import { trackReads } from '../../clock/sqlite/tracking.ts'
import { databaseVersions, listCounts } from '../../clock/sqlite/versions.ts'
import { WriteAheadLog } from '../../clock/sqlite/write-ahead-log.ts'
import {
  DatabaseClosedError, DatabaseFullError, DatabaseLostError, DatabaseReadOnlyError, DatabaseWorkerError
} from '../../errors.ts'
import type { Database } from '../database.ts'
import { type DatabaseLimits, resolveLimits } from '../limits.ts'
import { Transactions } from '../transactions.ts'
import { type ConnectionOptions, openConnection } from './connection.ts'
import { FileState } from './file-state.ts'
import { ReaderPool } from './reader-pool.ts'
import { createSql, type Sql } from './session.ts'
import { SqlWorker } from './sql-worker.ts'
import type { Statement, StatementResult } from './statement-runner.ts'
import { createFileWarn } from './warnings.ts'
import { Writer } from './writer.ts'

/** Milliseconds between two checks whether another program has changed the schema. */
const REPAIR_MS = 1_000
/** Milliseconds between two reads of the write-ahead log, also without hits, so that it does not begin anew unread. */
const FOLLOW_MS = 100

export interface SqliteDatabase extends Database {
  readonly dialect: 'sqlite'
  /**
   * Runs statements: in the transaction of the caller, otherwise on a connection that reads. They do not block the
   * event loop. Rejects with a 503 error if the database does not respond in time.
   */
  readonly sql: Sql
}

export interface SqliteDatabaseOptions {
  path: string
  /** A connection with the role `upkeep`. */
  upkeep: Sqlite.Database
  limits: DatabaseLimits
  /** Called after all connections are closed. */
  onClose: () => void
  /** Starts a thread with a connection. Default: one of the operating system. */
  startWorker?: (options: ConnectionOptions) => SqlWorker
}

/** Reads something, whatever it is. */
const PROBE = plain`SELECT 1 FROM products LIMIT 1`

const startThread = (options: ConnectionOptions) => new SqlWorker(options)

/**
 * A SQLite file. Statements run in worker threads: one writes, and some read. The event loop itself only checks the
 * version clock, on connections of its own, since that takes a few microseconds.
 */
export function createSqliteDatabase (
  { path, upkeep, limits, onClose, startWorker = startThread }: SqliteDatabaseOptions
): SqliteDatabase {
  const { lockWaitMs, transactionMs, readMs } = resolveLimits(limits)
  let isClosed = false
  const start = (role: ConnectionOptions['role']) => () => {
    // Otherwise no call of `close` would end the thread.
    if (isClosed) throw new DatabaseClosedError()
    try {
      return startWorker({ path, role, timeout: lockWaitMs })
    } catch (cause) {
      throw new DatabaseWorkerError({ cause }) // The operating system allows no more threads.
    }
  }
  const writer = new Writer({ start: start('writer'), lockWaitMs })
  const readers = new ReaderPool({ start: start('reader'), readMs })
  const signals = new AsyncLocalStorage<AbortSignal | undefined>()

  const warn = createFileWarn(path, limits.onWarning)
  const history = new History(upkeep)
  const clockReader = openConnection({ path, role: 'clock', timeout: lockWaitMs })
  const log = new WriteAheadLog(clockReader, warn)
  const clock = new Clock(clockReader, true, history, log)
  const following = setInterval(() => followLog(clock), FOLLOW_MS).unref()
  const content = new FileContent(log)
  const isOverwritten = () => content.isOverwritten()
  const file = new FileState({ path, upkeep, isOverwritten, onChange: limits.onStateChange })

  const transactions = new Transactions({
    connect: () => writer,
    lockWaitMs,
    transactionMs,
    onBegin () { if (file.isLost()) throw new DatabaseLostError() },
    onCommit () {
      followLog(clock)
      if (file.isAnyLost()) throw new DatabaseLostError()
    }
  })
  const repairing = setInterval(() => { repair().catch(() => {}) }, REPAIR_MS).unref()
  const readSchemaVersion = () => clockReader.pragma('schema_version', { simple: true })
  let repairedSchema = readSchemaVersion()
  const inTransaction = () => transactions.current !== undefined
  const versions: Versions = databaseVersions({
    committed: clock,
    // A transaction sees its own changes at once. Which tags they concern is known after the commit only.
    changedInTransaction: (_stamp, tags) => transactions.outermost?.hasWritten ? tags[0] : undefined,
    isLost: () => file.last === 'lost',
    inTransaction,
    invalidate: (tags) => transaction(async () => {
      for (const { sql, parameter } of listCounts(clock, tags)) {
        await execute({ method: 'run', sql, parameters: [parameter] })
      }
    })
  })
  const reads = trackReads({ connection: clockReader, clock, isOutdated: () => false, versions })
  const sql = createSql(execute, {
    logQuery (text, parameters) {
      if (inTransaction()) currentReads()?.doNotStore('uncommitted-read') // it may be rolled back
      else reads.logQuery(text, parameters)
    }
  })

  /** Creates triggers for new and rebuilt tables. If that fails, the next attempt may succeed. */
  async function repair (): Promise<void> {
    if (repairedSchema === readSchemaVersion() && knowsRowCounts(clockReader)) return
    await transactions.runBetween(() => writer.repair())
    repairedSchema = readSchemaVersion()
  }

  async function execute (statement: Statement): Promise<StatementResult> {
    const scope = transactions.outermost
    if (scope === undefined) {
      if (file.isLost()) throw new DatabaseLostError()
      return await readers.run(statement, signals.getStore())
    }
    const result = await writer.run(statement)
    scope.hasWritten ||= result.wrote
    return result
  }

  async function transaction<T> (work: () => T | Promise<T>): Promise<T> {
    try {
      return await transactions.run(work, signals.getStore())
    } catch (error) {
      throw translateError(error)
    }
  }

  /** Returns the error of a transaction as clients should see it. */
  function translateError (error: unknown): unknown {
    if (isReadOnlyError(error)) return new DatabaseReadOnlyError()
    if (!isFullError(error)) return error
    warn('full')
    return new DatabaseFullError()
  }

  return {
    dialect: 'sqlite',
    place: `file:${path}`,
    sql,
    get inTransaction () {
      return inTransaction()
    },
    transaction,
    afterCommit: (callback) => transactions.afterCommit(callback),
    withSignal: (signal, work) => signals.run(signal, work),
    versions,
    async checkState () {
      const state = file.check()
      if (state !== 'lost') await sql.get(PROBE)
      return state
    },
    load: { reads: readers.meter, transactions: transactions.meter },
    async close () {
      isClosed = true
      clearInterval(following)
      clearInterval(repairing)
      file.stop()
      await Promise.all([writer.close(), readers.close()])
      upkeep.close()
      clockReader.close()
      log.close()
      onClose()
    }
  }
}

/** Ignores errors: the next caller that reads the clock gets them too. */
function followLog (clock: Clock): void {
  try {
    clock.refresh()
  } catch {}
}
