import type { SqliteDatabase } from '../../../src/db/index.ts'
import { type ConnectionOptions, openConnection } from '../../../src/db/sqlite/connection.ts'
import type { SqlWorker } from '../../../src/db/sqlite/sql-worker.ts'
import { createSqliteDatabase } from '../../../src/db/sqlite/sqlite-database.ts'
import { type Statement, type StatementResult, StatementRunner } from '../../../src/db/sqlite/statement-runner.ts'
import type { World } from './world.ts'

/**
 * In place of a thread: it runs each statement when the scheduler of the world says so, and replies later. So all that
 * happens in a scenario happens in the order of its scheduler.
 */
class ModelWorker implements Pick<SqlWorker, 'hasEnded' | 'inTransaction' | 'run' | 'close'> {
  readonly #label: string
  readonly #world: World
  readonly #connection
  readonly #runner: StatementRunner
  #last: Promise<unknown> = Promise.resolve()
  #inTransaction = false
  hasEnded = false

  constructor (name: string, world: World, options: ConnectionOptions) {
    this.#label = `${name} ${options.role}`
    this.#world = world
    this.#connection = openConnection(options)
    this.#runner = new StatementRunner(this.#connection, options.role === 'writer')
  }

  /** Whether a transaction was open after the last reply. */
  get inTransaction (): boolean {
    return this.#inTransaction && !this.hasEnded
  }

  async run (statement: Statement): Promise<StatementResult> {
    const result = this.#last.then(() => this.#runNow(statement))
    this.#last = result.catch(() => {})
    return await result
  }

  /** Ends at once, as the thread of a process that has crashed. */
  async close (): Promise<void> {
    this.hasEnded = true
    this.#connection.close()
  }

  async #runNow (statement: Statement): Promise<StatementResult> {
    await this.#pause('runs a statement')
    try {
      return this.#runner.run(statement)
    } finally {
      const { inTransaction } = this.#runner
      this.#world.history.observe()
      await this.#pause('replies')
      this.#inTransaction = inTransaction
    }
  }

  async #pause (label: string): Promise<void> {
    await this.#world.schedule(`${this.#label} ${label}`)
    if (this.hasEnded) throw new Error('The thread has ended.')
  }
}

/** Opens the database of a world for one of its processes. */
export function openModelDatabase (name: string, world: World): SqliteDatabase {
  const { path } = world
  return createSqliteDatabase({
    path,
    upkeep: openConnection({ path, role: 'upkeep', timeout: 0 }),
    limits: {},
    onClose () {},
    startWorker: (options) => new ModelWorker(name, world, options) as Partial<SqlWorker> as SqlWorker
  })
}
