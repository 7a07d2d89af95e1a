import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import Sqlite from 'better-sqlite3'
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3'
import { DatabaseBusyError, TransactionOverError, TransactionTimeoutError } from '../errors.ts'

/** Drizzle's handle on one connection. */
export type Sql = BetterSQLite3Database

/**
 * One SQLite file, seen through two connections: a writer that one transaction at a time owns, and a reader that
 * sees what was committed last. A transaction may therefore await, and nobody else sees or joins it meanwhile.
 */
export interface Database {
  /** The handle to read with: inside a transaction its own, elsewhere the reader. */
  readonly sql: Sql
  readonly inTransaction: boolean
  /**
   * Runs `work` in a transaction, and rolls back if it throws. Within another one, on the same path of awaits, it is
   * a part of it (a savepoint). Rejects with a 503 error when the lock is not to be had or the work takes too long.
   */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  /** Runs `callback` once the transaction around this call has committed, never after a rollback. */
  afterCommit (callback: () => unknown): void
  close (): void
}

/** A transaction, or a savepoint within one. Its parts take turns. */
interface Scope {
  readonly turns: Pick<Mutex, 'runExclusive'>
  readonly depth: number
  open: boolean
  readonly afterCommit: Array<() => unknown>
}

/** Milliseconds to wait for one's turn, and for other programs to let go of the file. */
const LOCK_WAIT_MS = 5_000
/** Milliseconds that a transaction may take. */
const TRANSACTION_MS = 30_000
/** Milliseconds between two tries to lock the file. */
const RETRY_MS = 5

export function createDatabase ({ writer, reader, close }: { writer: Sqlite.Database, reader: Sqlite.Database, close: () => void }): Database {
  const scopes = new AsyncLocalStorage<Scope>()
  const turns = withTimeout(new Mutex(), LOCK_WAIT_MS)
  const writeSql = drizzle({ client: writer })
  const readSql = drizzle({ client: reader })
  // Waiting for a lock inside SQLite would stop the whole process; `begin` waits outside.
  writer.pragma('busy_timeout = 0')

  function current (): Scope | undefined {
    const scope = scopes.getStore()
    if (scope !== undefined && !scope.open) throw new TransactionOverError()
    return scope
  }

  async function begin (): Promise<void> {
    for (const deadline = performance.now() + LOCK_WAIT_MS; ;) {
      try {
        writer.exec('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (!(error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY'))) throw error
        if (performance.now() >= deadline) throw new DatabaseBusyError()
        await sleep(RETRY_MS)
      }
    }
  }

  /** Runs `work` between statements that open, keep and undo a scope. */
  async function inScope<T> (scope: Scope, keep: string, undo: string, work: () => T | Promise<T>): Promise<T> {
    try {
      const result = await scopes.run(scope, work)
      writer.exec(keep)
      return result
    } catch (error) {
      // Some failures, such as a full disk, have ended the transaction already.
      if (writer.inTransaction) writer.exec(undo)
      throw error
    } finally {
      scope.open = false
    }
  }

  function newScope (depth: number): Scope {
    return { turns: new Mutex(), depth, open: true, afterCommit: [] }
  }

  async function outermost<T> (work: () => T | Promise<T>): Promise<T> {
    const scope = newScope(0)
    const run = turns.runExclusive(async () => {
      await begin()
      return await inScope(scope, 'COMMIT', 'ROLLBACK', () => withDeadline(work()))
    })
    const result = await run.catch((error: unknown) => { throw error === E_TIMEOUT ? new DatabaseBusyError() : error })
    for (const callback of scope.afterCommit) await callback()
    return result
  }

  function nested<T> (parent: Scope, work: () => T | Promise<T>): Promise<T> {
    return parent.turns.runExclusive(async () => {
      if (!parent.open) throw new TransactionOverError()
      const scope = newScope(parent.depth + 1)
      const savepoint = `larder_${scope.depth}`
      writer.exec(`SAVEPOINT ${savepoint}`)
      const result = await inScope(scope, `RELEASE ${savepoint}`, `ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`, work)
      parent.afterCommit.push(...scope.afterCommit)
      return result
    })
  }

  return {
    get sql () {
      return current() === undefined ? readSql : writeSql
    },
    get inTransaction () {
      return current() !== undefined
    },
    async transaction (work) {
      const parent = current()
      return await (parent === undefined ? outermost(work) : nested(parent, work))
    },
    afterCommit (callback) {
      const scope = current()
      if (scope === undefined) throw new TransactionOverError()
      scope.afterCommit.push(callback)
    },
    close
  }
}

async function withDeadline<T> (work: T | Promise<T>): Promise<T> {
  if (!(work instanceof Promise)) return work
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(new TransactionTimeoutError(TRANSACTION_MS / 1000)), TRANSACTION_MS)
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
