import { AsyncLocalStorage } from 'node:async_hooks'
import { E_TIMEOUT, Mutex, withTimeout } from 'async-mutex'
import { DatabaseBusyError, TransactionOverError, TransactionTimeoutError } from '../errors.ts'
import { runAll } from './run-all.ts'
import { WorkMeter } from './work.ts'

/** The connection on which transactions run, one after another. */
export interface TransactionConnection {
  /** Begins a transaction. Rejects if it cannot in time. */
  begin (): Promise<void>
  /** Runs a statement that ends a transaction, or begins or ends a savepoint. */
  exec (sql: string): Promise<void>
  /** Whether a transaction is open. After some errors databases roll back by themselves. */
  readonly inTransaction: boolean
}

export interface TransactionsOptions {
  connection: TransactionConnection
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
export interface Scope {
  readonly parent: Scope | undefined
  readonly queue: Mutex
  readonly depth: number
  open: boolean
  /** Whether the transaction has written something. Set on that scope, not on its savepoints. */
  hasWritten: boolean
  readonly afterCommit: Array<() => unknown>
}

/**
 * Runs transactions on one connection, one at a time. They may await: a scope belongs to an async context, so that
 * other requests neither see a transaction nor run in it meanwhile.
 */
export class Transactions {
  readonly #options: TransactionsOptions
  readonly #scopes = new AsyncLocalStorage<Scope>()
  readonly #queue
  readonly meter = new WorkMeter()

  constructor (options: TransactionsOptions) {
    this.#options = options
    this.#queue = withTimeout(new Mutex(), options.lockWaitMs)
  }

  /** The innermost scope of the caller. Throws if its transaction is over. */
  get current (): Scope | undefined {
    const scope = this.#scopes.getStore()
    if (scope !== undefined && !this.#isRunning(scope)) throw new TransactionOverError()
    return scope
  }

  /** The transaction of the caller, without its savepoints. */
  get outermost (): Scope | undefined {
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

  /** Whether the scope and those around it are open. */
  #isRunning (scope: Scope): boolean {
    return isOpen(scope) && this.#options.connection.inTransaction
  }

  async #runTransaction<T> (work: () => T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted()
    const scope = createScope()
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
      await this.#options.connection.begin()
      timer = setTimeout(onTimeout, this.#options.transactionMs)
      return await this.#inScope(scope, 'COMMIT', 'ROLLBACK', async () => {
        signal?.throwIfAborted() // again, since it may have aborted meanwhile
        return await Promise.race([this.#withSavepoints(scope, work), abandoned.promise]).finally(settle)
      })
    }).finally(settle)
    // An abandoned transaction rolls back when its statement has ended, and nobody waits for that.
    const result = await Promise.race([whole, abandoned.promise])
    this.#options.onCommit?.()
    await runAll(scope.afterCommit)
    return result
  }

  /** Runs something on the connection between two transactions. Rejects with a 503 error if it has to wait too long. */
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

  #runSavepoint<T> (parent: Scope, work: () => T | Promise<T>): Promise<T> {
    return parent.queue.runExclusive(async () => {
      if (!this.#isRunning(parent)) throw new TransactionOverError()
      const scope = createScope(parent)
      const name = `larder_${scope.depth}`
      await this.#options.connection.exec(`SAVEPOINT ${name}`)
      const [commit, rollback] = [`RELEASE ${name}`, `ROLLBACK TO ${name}; RELEASE ${name}`]
      const result = await this.#inScope(scope, commit, rollback, () => this.#withSavepoints(scope, work))
      for (const callback of scope.afterCommit) parent.afterCommit.push(callback)
      return result
    })
  }

  /** Runs `work` in an open scope, and then the statement that commits it or rolls it back. */
  async #inScope<T> (scope: Scope, commit: string, rollback: string, work: () => Promise<T>): Promise<T> {
    const { connection } = this.#options
    const isParentRunning = () => connection.inTransaction && (scope.parent === undefined || isOpen(scope.parent))
    try {
      const result = await work()
      if (!isParentRunning()) throw new TransactionOverError()
      await connection.exec(commit)
      return result
    } catch (error) {
      // First, since a statement that the work sends after the rollback would be committed at once.
      scope.open = false
      // If the parent has ended, the connection may be in another transaction by now. The rollback fails if a statement
      // whose reply has not arrived yet has already rolled back, or has ended the thread.
      if (isParentRunning()) await connection.exec(rollback).catch(() => {})
      throw error
    }
  }

  /** Runs `work`, and then waits for savepoints that it did not await: they end together with it. */
  async #withSavepoints<T> (scope: Scope, work: () => T | Promise<T>): Promise<T> {
    const result = await this.#scopes.run(scope, async () => await work())
    await scope.queue.runExclusive(() => { scope.open = false })
    return result
  }
}

function createScope (parent?: Scope): Scope {
  const depth = parent === undefined ? 0 : parent.depth + 1
  return { parent, queue: new Mutex(), depth, open: true, hasWritten: false, afterCommit: [] }
}

function isOpen ({ open, parent }: Scope): boolean {
  return open && (parent === undefined || isOpen(parent))
}
