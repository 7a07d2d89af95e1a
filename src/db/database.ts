import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import type Sqlite from 'better-sqlite3'
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3'
import type { Versions } from '../cache/index.ts'
import { DatabaseBusyError, TransactionOverError, TransactionTimeoutError } from '../errors.ts'
import { RETRY_MS, tryLock } from './locking.ts'
import { Clock } from '../clock/sqlite/clock.ts'
import { forbidStoringReads, trackReads } from '../clock/sqlite/tracking.ts'
import { databaseVersions } from '../clock/sqlite/versions.ts'

/** Drizzle's handle on one connection. */
export type Sql = BetterSQLite3Database

/**
 * One SQLite file, seen through two connections: a writer that one transaction at a time owns, and a reader that
 * sees what was committed last. A transaction may therefore await, and nobody else sees or joins it meanwhile.
 */
export interface Database {
  /** The handle to use: inside a transaction its own, elsewhere the reader. Ask for it anew after every await. */
  readonly sql: Sql
  readonly inTransaction: boolean
  /**
   * Runs `work` in a transaction, and rolls back if it throws. Within another one, on the same path of awaits, it is
   * a part of it (a savepoint). Rejects with a 503 error when the lock is not to be had or the work takes too long.
   */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  /**
   * Runs `callback` once the transaction around this call has committed, never after a rollback. The first error
   * that callbacks throw rejects the call of `transaction`, after all have run, though all is committed.
   */
  afterCommit (callback: () => unknown): void
  /** The clock of what is kept of this database. Reads through `sql` tag what is made of them by themselves. */
  readonly versions: Versions
  close (): void
}

/** How long to wait. */
export interface DatabaseLimits {
  /** Milliseconds to wait for one's turn, and for other programs to let go of the file. Default 5,000. */
  lockWaitMs?: number
  /** Milliseconds that a transaction may take. Default 30,000. */
  transactionMs?: number
}

/** A transaction, or a savepoint within one. Its parts take turns. */
interface Scope {
  readonly parent: Scope | undefined
  readonly turns: Mutex
  readonly depth: number
  open: boolean
  readonly afterCommit: Array<() => unknown>
}

export const LOCK_WAIT_MS = 5_000
const TRANSACTION_MS = 30_000

interface Connections { writer: Sqlite.Database, reader: Sqlite.Database, close: () => void }

export function createDatabase ({ writer, reader, close }: Connections, limits: DatabaseLimits = {}): Database {
  const { lockWaitMs = LOCK_WAIT_MS, transactionMs = TRANSACTION_MS } = limits
  const scopes = new AsyncLocalStorage<Scope>()
  const turns = withTimeout(new Mutex(), lockWaitMs)
  const inTransaction = () => current() !== undefined
  const committed = new Clock(reader, true)
  const versions = databaseVersions({ committed, uncommitted: new Clock(writer, false), writer, inTransaction, transaction })
  const writeSql = drizzle({ client: writer, logger: forbidStoringReads })
  const readSql = drizzle({ client: reader, logger: trackReads(reader, committed, versions) })
  // Waiting for a lock inside SQLite would stop the whole process; `begin` waits outside.
  writer.pragma('busy_timeout = 0')

  function current (): Scope | undefined {
    const scope = scopes.getStore()
    if (scope !== undefined && !isUnderWay(scope)) throw new TransactionOverError()
    return scope
  }

  /** A part is over with the whole, and the whole with a failure upon which SQLite rolls back by itself. */
  function isUnderWay (scope: Scope): boolean {
    return isOpen(scope) && writer.inTransaction
  }

  async function begin (): Promise<void> {
    const deadline = performance.now() + lockWaitMs
    while (!tryLock(() => writer.exec('BEGIN IMMEDIATE'))) {
      if (performance.now() >= deadline) throw new DatabaseBusyError()
      await sleep(RETRY_MS)
    }
  }

  /** Runs `work` between statements that open, keep and undo a scope. */
  async function inScope<T> (scope: Scope, keep: string, undo: string, work: () => Promise<T>): Promise<T> {
    const isAround = () => writer.inTransaction && (scope.parent === undefined || isOpen(scope.parent))
    let result: T
    try {
      result = await work()
      if (!isAround()) throw new TransactionOverError()
      writer.exec(keep)
    } catch (error) {
      // What is around this may be over, and the connection in a transaction of somebody else.
      if (isAround()) writer.exec(undo)
      throw error
    } finally {
      scope.open = false
    }
    return result
  }

  /** Runs `work`, and waits also for those of its parts that it did not wait for: they are kept or undone with it. */
  async function withParts<T> (scope: Scope, work: () => T | Promise<T>): Promise<T> {
    const result = await scopes.run(scope, async () => await work())
    await scope.turns.runExclusive(() => { scope.open = false })
    return result
  }

  function newScope (parent?: Scope): Scope {
    return { parent, turns: new Mutex(), depth: parent === undefined ? 0 : parent.depth + 1, open: true, afterCommit: [] }
  }

  async function outermost<T> (work: () => T | Promise<T>): Promise<T> {
    const scope = newScope()
    const run = turns.runExclusive(async () => {
      await begin()
      return await inScope(scope, 'COMMIT', 'ROLLBACK', () => withDeadline(withParts(scope, work), transactionMs))
    })
    const result = await run.catch((error: unknown) => { throw error === E_TIMEOUT ? new DatabaseBusyError() : error })
    await runAll(scope.afterCommit)
    return result
  }

  function nested<T> (parent: Scope, work: () => T | Promise<T>): Promise<T> {
    return parent.turns.runExclusive(async () => {
      if (!isUnderWay(parent)) throw new TransactionOverError()
      const scope = newScope(parent)
      const savepoint = `larder_${scope.depth}`
      writer.exec(`SAVEPOINT ${savepoint}`)
      const result = await inScope(scope, `RELEASE ${savepoint}`, `ROLLBACK TO ${savepoint}; RELEASE ${savepoint}`, () => withParts(scope, work))
      parent.afterCommit.push(...scope.afterCommit)
      return result
    })
  }

  async function transaction<T> (work: () => T | Promise<T>): Promise<T> {
    const parent = current()
    return await (parent === undefined ? outermost(work) : nested(parent, work))
  }

  return {
    get sql () {
      return inTransaction() ? writeSql : readSql
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
    close
  }
}

function isOpen ({ open, parent }: Scope): boolean {
  return open && (parent === undefined || isOpen(parent))
}

/** Runs all, one after the other, and then throws the first of what they threw. */
async function runAll (callbacks: ReadonlyArray<() => unknown>): Promise<void> {
  const errors: unknown[] = []
  for (const callback of callbacks) {
    try {
      await callback()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

async function withDeadline<T> (work: Promise<T>, ms: number): Promise<T> {
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(new TransactionTimeoutError(ms / 1000)), ms)
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
