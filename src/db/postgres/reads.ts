import { DatabaseBusyError, OpenTransactionError } from '../../errors.ts'
import { MAX_WAITING } from '../transactions.ts'
import { WorkMeter } from '../work.ts'
import type { Result, Statement } from './connection.ts'
import type { Connections } from './connections.ts'

/** Statements outside of transactions, each on a connection that is free. */
export class Reads {
  readonly #connections: Connections
  readonly #readMs: number
  readonly meter = new WorkMeter()

  /** @param readMs milliseconds that a statement may take, from its arrival */
  constructor (connections: Connections, readMs: number) {
    this.#connections = connections
    this.#readMs = readMs
  }

  /**
   * Runs a statement. Rejects with a 503 error if it cannot be run in time, and with the reason of the signal. Then the
   * server cancels it.
   *
   * @param signal aborts when nobody waits for the result any more
   */
  async run (statement: Statement, values?: unknown[], signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted()
    if (this.meter.waiting >= MAX_WAITING) throw new DatabaseBusyError()
    const work = this.meter.add()
    const abandoned = Promise.withResolvers<never>()
    let isAbandoned = false
    const abandon = (reason: unknown) => {
      isAbandoned = true
      abandoned.reject(reason)
    }
    const timer = setTimeout(() => abandon(new DatabaseBusyError()), this.#readMs)
    const onAbort = () => abandon(signal!.reason)
    signal?.addEventListener('abort', onAbort)

    const runOnConnection = async () => {
      const connection = await this.#connections.take(this.#readMs)
      try {
        if (isAbandoned) return await abandoned.promise
        work.start()
        const result = await Promise.race([connection.query(statement, values), abandoned.promise])
        if (connection.inTransaction) throw new OpenTransactionError()
        return result
      } finally {
        await connection.release()
      }
    }
    try {
      // The release of a connection on which a statement is cancelled takes a while.
      return await Promise.race([runOnConnection(), abandoned.promise])
    } finally {
      work.end()
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }
}
