import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import type Sqlite from 'better-sqlite3'
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3'
import type { Versions } from '../cache/index.ts'
import { Clock } from '../clock/sqlite/clock.ts'
import { FileContent } from '../clock/sqlite/file-content.ts'
import { History } from '../clock/sqlite/history.ts'
import { isFullError, isReadOnlyError } from '../clock/sqlite/sqlite-errors.ts'
import { forbidStoringReads } from '../clock/sqlite/tracking.ts'
import { WriteAheadLog } from '../clock/sqlite/write-ahead-log.ts'
import { databaseVersions, TagCounters } from '../clock/sqlite/versions.ts'
import {
  DatabaseBusyError, DatabaseFullError, DatabaseLostError, DatabaseReadOnlyError, TransactionOverError
} from '../errors.ts'
import { runAll, withDeadline } from './async.ts'
import { type DatabaseState, FileState } from './file-state.ts'
import { OpenIterators } from './iterators.ts'
import { type DatabaseLimits, resolveLimits } from './limits.ts'
import { RETRY_MS, tryLock } from '../clock/sqlite/locking.ts'
import { createReaders } from './readers.ts'
import { createWarn } from './warnings.ts'

/** A connection, as Drizzle wraps it. */
export type Sql = BetterSQLite3Database

/**
 * A SQLite file with a writer, used by one transaction at a time, and readers, which see committed data only. So a
 * transaction may await, and other requests neither see it nor join it meanwhile.
 */
export interface Database {
  /** The connection to use: the writer inside a transaction, otherwise a reader. Get it again after each await. */
  readonly sql: Sql
  readonly inTransaction: boolean
  /**
   * Runs `work` in a transaction, and rolls back if it throws. Inside another transaction (in the same async context)
   * it is a savepoint. Rejects with a 503 error if the database stays locked or the work takes too long.
   */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  /**
   * Runs `callback` after the current transaction has committed, never after a rollback. If callbacks throw, all of
   * them still run, and then the call of `transaction` rejects with the first error, although it has committed.
   */
  afterCommit (callback: () => unknown): void
  /** The version clock. Reads through `sql` add their tags to the current read set. */
  readonly versions: Versions
  /** Checks whether the database can be read and written. */
  checkState (): DatabaseState
  close (): void
}

/** Milliseconds between two reads of the write-ahead log, also without hits, so that it does not begin anew unread. */
const FOLLOW_MS = 100

/** A transaction, or a savepoint within one. `queue` runs one savepoint at a time. */
interface Scope {
  readonly parent: Scope | undefined
  readonly queue: Mutex
  readonly depth: number
  open: boolean
  readonly afterCommit: Array<() => unknown>
}

interface Connections {
  path: string
  writer: Sqlite.Database
  /** Opens a connection that reads committed data. */
  connect: () => Sqlite.Database
  close: () => void
}

export function createDatabase ({ path, writer, connect, close }: Connections, limits: DatabaseLimits = {}): Database {
  const { lockWaitMs, transactionMs } = resolveLimits(limits)
  const scopes = new AsyncLocalStorage<Scope>()
  const queue = withTimeout(new Mutex(), lockWaitMs)
  const inTransaction = () => current() !== undefined
  // Waiting for a lock inside SQLite would block the event loop. `begin` waits outside.
  writer.pragma('busy_timeout = 0')
  const iterators = new OpenIterators(writer)
  const warn = createWarn(path, limits.onWarning)
  const history = new History(writer)
  // Its connection is its own: on another one, an unfinished statement of a caller would stop the clock.
  const reader = connect()
  const log = new WriteAheadLog(reader, warn)
  const committed = new Clock(reader, true, history, log)
  const uncommitted = new Clock(writer, false, history)
  const following = setInterval(() => followLog(committed), FOLLOW_MS).unref()
  const content = new FileContent(log)
  const isOverwritten = () => content.isOverwritten()
  const file = new FileState({ path, writer, isOverwritten, onChange: limits.onStateChange })
  const isLost = () => file.last === 'lost'
  const counters = new TagCounters(writer, uncommitted)
  const invalidate = (tags: readonly string[]) => transaction(() => counters.count(tags))
  const versions = databaseVersions({ committed, uncommitted, isLost, inTransaction, invalidate })
  const writeSql = drizzle({ client: writer, logger: forbidStoringReads })
  const readers = createReaders({ connect, committed, history, versions })

  function current (): Scope | undefined {
    const scope = scopes.getStore()
    if (scope !== undefined && !isRunning(scope)) throw new TransactionOverError()
    return scope
  }

  /** Whether the scope and those around it are open. After some errors SQLite rolls back by itself. */
  function isRunning (scope: Scope): boolean {
    return isOpen(scope) && writer.inTransaction
  }

  /** Returns the error of a transaction as clients should see it. */
  function translateError (error: unknown): unknown {
    if (error === E_TIMEOUT) return new DatabaseBusyError()
    if (isReadOnlyError(error)) return new DatabaseReadOnlyError()
    if (!isFullError(error)) return error
    warn('full')
    return new DatabaseFullError()
  }

  /** Throws if what is read would be outdated, and what is written would be lost. */
  function checkFile (): void {
    if (file.isLost()) throw new DatabaseLostError()
  }

  function closeIterators (): void {
    if (iterators.close()) warn('iterator')
  }

  /** Ends what a caller has left open on the writer outside transactions, since it would block all of them. */
  function freeWriter (): void {
    closeIterators()
    if (!writer.inTransaction) return
    writer.exec('ROLLBACK')
    warn('transaction')
  }

  async function begin (): Promise<void> {
    checkFile()
    freeWriter()
    const deadline = performance.now() + lockWaitMs
    while (!tryLock(() => writer.exec('BEGIN IMMEDIATE'))) {
      if (performance.now() >= deadline) throw new DatabaseBusyError()
      await sleep(RETRY_MS)
    }
  }

  /** Runs `work` in an open scope, and then the statement that commits it or rolls it back. */
  async function inScope<T> (scope: Scope, commit: string, rollback: string, work: () => Promise<T>): Promise<T> {
    const isParentRunning = () => writer.inTransaction && (scope.parent === undefined || isOpen(scope.parent))
    let result: T
    try {
      result = await work()
      closeIterators()
      if (!isParentRunning()) throw new TransactionOverError()
      writer.exec(commit)
    } catch (error) {
      // If the parent has ended, the connection may be in another transaction by now.
      if (isParentRunning()) {
        closeIterators()
        writer.exec(rollback)
      }
      throw error
    } finally {
      scope.open = false
    }
    return result
  }

  /** Runs `work`, and then waits for savepoints that it did not await: they end together with it. */
  async function withSavepoints<T> (scope: Scope, work: () => T | Promise<T>): Promise<T> {
    const result = await scopes.run(scope, async () => await work())
    await scope.queue.runExclusive(() => { scope.open = false })
    return result
  }

  function createScope (parent?: Scope): Scope {
    const depth = parent === undefined ? 0 : parent.depth + 1
    return { parent, queue: new Mutex(), depth, open: true, afterCommit: [] }
  }

  async function runTransaction<T> (work: () => T | Promise<T>): Promise<T> {
    const scope = createScope()
    const run = queue.runExclusive(async () => {
      await begin()
      const limited = () => withDeadline(withSavepoints(scope, work), transactionMs)
      return await inScope(scope, 'COMMIT', 'ROLLBACK', limited)
    })
    const result = await run.catch((error: unknown) => { throw translateError(error) })
    if (file.isAnyLost()) throw new DatabaseLostError()
    await runAll(scope.afterCommit)
    return result
  }

  function runSavepoint<T> (parent: Scope, work: () => T | Promise<T>): Promise<T> {
    return parent.queue.runExclusive(async () => {
      if (!isRunning(parent)) throw new TransactionOverError()
      const scope = createScope(parent)
      const name = `larder_${scope.depth}`
      const [commit, rollback] = [`RELEASE ${name}`, `ROLLBACK TO ${name}; RELEASE ${name}`]
      writer.exec(`SAVEPOINT ${name}`)
      const result = await inScope(scope, commit, rollback, () => withSavepoints(scope, work))
      for (const callback of scope.afterCommit) parent.afterCommit.push(callback)
      return result
    })
  }

  async function transaction<T> (work: () => T | Promise<T>): Promise<T> {
    const parent = current()
    return await (parent === undefined ? runTransaction(work) : runSavepoint(parent, work))
  }

  return {
    get sql () {
      if (inTransaction()) return writeSql
      checkFile()
      return readers.sql
    },
    get inTransaction () {
      return inTransaction()
    },
    transaction,
    versions,
    afterCommit (callback) {
      const scope = current()
      if (scope === undefined) throw new TransactionOverError()
      scope.afterCommit.push(callback)
    },
    checkState () {
      if (!queue.isLocked()) freeWriter()
      return file.check()
    },
    close () {
      clearInterval(following)
      file.stop()
      close()
      log.close()
    }
  }
}

/** Errors are for the callers that read next. */
function followLog (committed: Clock): void {
  try {
    committed.refresh()
  } catch {}
}

function isOpen ({ open, parent }: Scope): boolean {
  return open && (parent === undefined || isOpen(parent))
}
