import { AsyncLocalStorage } from 'node:async_hooks'
import { E_TIMEOUT, Mutex, Semaphore, withTimeout } from 'async-mutex'
import { DatabaseBusyError, TransactionOverError, TransactionTimeoutError } from '../errors.ts'
import { runAll } from './run-all.ts'
import { WorkMeter } from './work.ts'

/** A connection on which transactions run, one after another. */
export interface TransactionConnection {
  /** Begins a transaction. Rejects if it cannot in time. */
  begin (): Promise<void>
  commit (): Promise<void>
  /** Rolls back, after the statements that run, or instead of them if they can be cancelled. */
  rollback (): Promise<void>
  /** Runs a statement that begins or ends a savepoint. */
  exec (sql: string): Promise<void>
  /** Whether a transaction is open. After some errors databases roll back by themselves. */
  readonly inTransaction: boolean
  /** Called after each transaction: the connection is not used by it any more. */
  release? (): Promise<void>
}

export interface TransactionsOptions<Connection extends TransactionConnection> {
  /** Returns a connection for a transaction. */
  connect: () => Connection | Promise<Connection>
  /** The number of transactions that may run at once. Default 1. */
  maxRunning?: number
  /** Milliseconds to wait for the transactions before. */
  lockWaitMs: number
  /** Milliseconds that a transaction may take. */
  transactionMs: number
  /** Called before each transaction. If it throws, the transaction rejects. */
  onBegin?: () => void
  /** Called after each commit. If it throws, the transaction rejects, and its callbacks do not run. */
  onCommit?: () => void
}

/** More transactions than this never wait. */
export const MAX_WAITING = 1_000

/** A transaction, or a savepoint within one. `queue` runs one savepoint at a time. */
export interface Scope<Connection> {
  readonly parent: Scope<Connection> | undefined
  /** The connection of the transaction, once it has one. */
  connection: Connection | undefined
  readonly queue: Mutex
  readonly depth: number
  open: boolean
  /** Whether the transaction has written something. Set on that scope, not on its savepoints. */
  hasWritten: boolean
  readonly afterCommit: Array<() => unknown>
}

/**
 * Runs transactions, each on a connection of its own. They may await: a scope belongs to an async context, so that
 * other requests neither see a transaction nor run in it meanwhile.
 */
export class Transactions<Connection extends TransactionConnection> {
  readonly #options: TransactionsOptions<Connection>
  readonly #scopes = new AsyncLocalStorage<Scope<Connection>>()
  readonly #queue
  readonly meter = new WorkMeter()

  constructor (options: TransactionsOptions<Connection>) {
    this.#options = options
    this.#queue = withTimeout(new Semaphore(options.maxRunning ?? 1), options.lockWaitMs)
  }

  /** The innermost scope of the caller. Throws if its transaction is over. */
  get current (): Scope<Connection> | undefined {
    const scope = this.#scopes.getStore()
    if (scope !== undefined && !isRunning(scope)) throw new TransactionOverError()
    return scope
  }

  /** The transaction of the caller, without its savepoints. */
  get outermost (): Scope<Connection> | undefined {
    let scope = this.current
    while (scope?.parent !== undefined) scope = scope.parent
    return scope
  }

  /** Runs `work` in a transaction or, within one, in a savepoint. */
  async run<T> (work: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    const parent = this.current
    return await (parent === undefined ? this.#runTransaction(work, signal) : this.#runSavepoint(parent, work))
  }

  /** Calls `callback` after the commit of the transaction. */
  afterCommit (callback: () => unknown): void {
    const scope = this.current
    if (scope === undefined) throw new TransactionOverError()
    scope.afterCommit.push(callback)
  }

  async #runTransaction<T> (work: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted()
    const scope = createScope<Connection>()
    const abandoned = Promise.withResolvers<never>()
    const onAbort = () => abandoned.reject(signal!.reason)
    const onTimeout = () => abandoned.reject(new TransactionTimeoutError(this.#options.transactionMs / 1000))
    let timer: NodeJS.Timeout | undefined
    const settle = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    signal?.addEventListener('abort', onAbort)

    const whole = this.runBetween(async () => {
      signal?.throwIfAborted()
      this.#options.onBegin?.()
      const connection = scope.connection = await this.#options.connect()
      try {
        await connection.begin()
        timer = setTimeout(onTimeout, this.#options.transactionMs)
        return await inScope(scope, () => connection.commit(), () => connection.rollback(), async () => {
          signal?.throwIfAborted() // again, since it may have aborted meanwhile
          return await Promise.race([this.#withSavepoints(scope, work), abandoned.promise]).finally(settle)
        })
      } finally {
        await connection.release?.()
      }
    }).finally(settle)
    // An abandoned transaction rolls back when its statement has ended, and nobody waits for that.
    const result = await Promise.race([whole, abandoned.promise])
    this.#options.onCommit?.()
    await runAll(scope.afterCommit)
    return result
  }

  /** Runs something in place of a transaction, in its turn. Rejects with a 503 error if it has to wait too long. */
  async runBetween<T> (run: () => Promise<T>): Promise<T> {
    if (this.meter.waiting >= MAX_WAITING) throw new DatabaseBusyError()
    const counted = this.meter.add()
    const done = this.#queue.runExclusive(() => {
      counted.start()
      return run()
    })
    try {
      return await done.catch((error: unknown) => { throw error === E_TIMEOUT ? new DatabaseBusyError() : error })
    } finally {
      counted.end()
    }
  }

  #runSavepoint<T> (parent: Scope<Connection>, work: () => T | Promise<T>): Promise<T> {
    return parent.queue.runExclusive(async () => {
      if (!isRunning(parent)) throw new TransactionOverError()
      const scope = createScope(parent)
      const connection = scope.connection!
      const name = `larder_${scope.depth}`
      await connection.exec(`SAVEPOINT ${name}`)
      const release = () => connection.exec(`RELEASE ${name}`)
      const rollBack = () => connection.exec(`ROLLBACK TO ${name}; RELEASE ${name}`)
      const result = await inScope(scope, release, rollBack, () => this.#withSavepoints(scope, work))
      for (const callback of scope.afterCommit) parent.afterCommit.push(callback)
      return result
    })
  }

  /** Runs `work`, and then waits for savepoints that it did not await: they end together with it. */
  async #withSavepoints<T> (scope: Scope<Connection>, work: () => T | Promise<T>): Promise<T> {
    const result = await this.#scopes.run(scope, async () => await work())
    await scope.queue.runExclusive(() => { scope.open = false })
    return result
  }
}

/** Runs `work` in an open scope, and then commits it or rolls it back. */
async function inScope<T> (
  scope: Scope<TransactionConnection>, commit: () => Promise<void>, rollBack: () => Promise<void>,
  work: () => Promise<T>
): Promise<T> {
  const { connection, parent } = scope
  const isParentRunning = () => connection!.inTransaction && (parent === undefined || isOpen(parent))
  try {
    const result = await work()
    if (!isParentRunning()) throw new TransactionOverError()
    await commit()
    return result
  } catch (error) {
    // First, since a statement that the work sends after the rollback would be committed at once.
    scope.open = false
    // If the parent has ended, the connection may be in another transaction by now. The rollback fails if a statement
    // whose reply has not arrived yet has already rolled back, or has ended the thread.
    if (isParentRunning()) await rollBack().catch(() => {})
    throw error
  }
}

function createScope<Connection> (parent?: Scope<Connection>): Scope<Connection> {
  const depth = parent === undefined ? 0 : parent.depth + 1
  const { connection } = parent ?? {}
  return { parent, connection, queue: new Mutex(), depth, open: true, hasWritten: false, afterCommit: [] }
}

/** Whether the scope and those around it are open. */
function isRunning (scope: Scope<TransactionConnection>): boolean {
  return isOpen(scope) && scope.connection?.inTransaction === true
}

function isOpen ({ open, parent }: Scope<unknown>): boolean {
  return open && (parent === undefined || isOpen(parent))
}
