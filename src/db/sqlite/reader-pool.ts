import { DatabaseBusyError, DatabaseClosedError } from '../../errors.ts'
import { type Work, WorkMeter } from '../work.ts'
import type { SqlWorker } from './sql-worker.ts'
import type { Statement, StatementResult } from './statement-runner.ts'

/** The number of threads that read. The event loop needs most of the machine's time. */
const READERS = 2
/** Statements cannot be interrupted. Until an abandoned one has ended, its thread is replaced, up to this number. */
const MAX_THREADS = 8
/** More statements than this never wait. */
export const MAX_WAITING = 1_000

interface Job {
  readonly statement: Statement
  readonly outcome: PromiseWithResolvers<StatementResult>
  readonly work: Work
  /** Whether nobody waits for the result any more. */
  isAbandoned: boolean
}

export interface ReaderPoolOptions {
  /** Starts a thread with a connection that reads. */
  start: () => SqlWorker
  /** Milliseconds that a statement may take, from its arrival. */
  readMs: number
}

/** Threads that read committed data. Statements that find none free wait in order. */
export class ReaderPool {
  readonly #options: ReaderPoolOptions
  readonly #idle: SqlWorker[] = []
  readonly #busy = new Map<SqlWorker, Job>()
  readonly #waiting = new Set<Job>()
  #isClosed = false
  /** The statements of callers that wait for their results. */
  readonly meter = new WorkMeter()

  constructor (options: ReaderPoolOptions) {
    this.#options = options
  }

  /**
   * Runs a statement. Rejects with a 503 error if it cannot be run in time, and with the reason of the signal.
   *
   * @param signal aborts when nobody waits for the result any more
   */
  async run (statement: Statement, signal?: AbortSignal): Promise<StatementResult> {
    signal?.throwIfAborted()
    if (this.#isClosed) throw new DatabaseClosedError()
    const worker = this.#findFree()
    if (worker === undefined && this.#waiting.size >= MAX_WAITING) throw new DatabaseBusyError()
    const job: Job = { statement, outcome: Promise.withResolvers(), work: this.meter.add(), isAbandoned: false }
    if (worker === undefined) this.#waiting.add(job)
    else this.#work(worker, job)

    const abandon = (reason: unknown) => {
      this.#waiting.delete(job)
      job.isAbandoned = true
      job.outcome.reject(reason)
      this.#workOn()
    }
    const timer = setTimeout(() => abandon(new DatabaseBusyError()), this.#options.readMs)
    const onAbort = () => abandon(signal!.reason)
    signal?.addEventListener('abort', onAbort)
    try {
      return await job.outcome.promise
    } finally {
      job.work.end()
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Closes all threads after their statements. Those that wait are rejected. */
  async close (): Promise<void> {
    this.#isClosed = true
    for (const { outcome } of this.#waiting) outcome.reject(new DatabaseBusyError())
    this.#waiting.clear()
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.close()))
  }

  /** Returns the number of threads for whose results somebody waits. */
  #countUseful (): number {
    let useful = 0
    for (const { isAbandoned } of this.#busy.values()) if (!isAbandoned) useful++
    return useful
  }

  /** Returns a free thread, or a new one if there may be more of them. */
  #findFree (): SqlWorker | undefined {
    const worker = this.#idle.pop()
    if (worker !== undefined) return worker.hasEnded ? this.#findFree() : worker
    return this.#countUseful() < READERS && this.#busy.size < MAX_THREADS ? this.#options.start() : undefined
  }

  async #work (worker: SqlWorker, job: Job): Promise<void> {
    this.#busy.set(worker, job)
    job.work.start()
    try {
      job.outcome.resolve(await worker.run(job.statement))
    } catch (error) {
      job.outcome.reject(error)
    }
    this.#busy.delete(worker)
    // If another thread has replaced this one meanwhile, there is one too many.
    if (this.#idle.length + this.#countUseful() < READERS && !worker.hasEnded) this.#idle.push(worker)
    else worker.close()
    this.#workOn()
  }

  /** Runs the statements that wait, as far as threads are free. */
  #workOn (): void {
    for (const job of this.#waiting) {
      try {
        const worker = this.#findFree()
        if (worker === undefined) return
        this.#work(worker, job)
      } catch (error) {
        job.outcome.reject(error) // no thread could be started
      }
      this.#waiting.delete(job)
    }
  }
}
