import { setImmediate as drained } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Scheduler } from 'fast-check'
import type { Change } from './changes.ts'
import { History } from './history.ts'
import { ModelRedis } from './redis.ts'

/** What the processes share: a database file, a Redis, the time, and the scheduler of all asynchronous steps. */
export class World {
  readonly path: string
  readonly redis = new ModelRedis()
  readonly history: History
  readonly #scheduler: Scheduler
  readonly #log: string[] = []
  readonly #open: Array<{ end: () => void }> = []
  readonly #inFlight = new Set<Promise<unknown>>()
  #failure: unknown
  #over = false
  #time = Date.UTC(2026, 0, 1)
  #titles = 0
  #lastWriter: Promise<unknown> = Promise.resolve()

  constructor (path: string, scheduler: Scheduler) {
    this.path = path
    this.#scheduler = scheduler
    this.history = new History(path)
  }

  readonly now = (): number => this.#time

  advance (seconds: number): void {
    this.#time += seconds * 1000
  }

  /** Waits until the scheduler picks this step among all that wait. */
  async schedule (label: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), label)
    this.note(label)
  }

  /** Starts work without waiting for its end. */
  start (work: () => Promise<unknown>): void {
    const running = work()
      .catch((error: unknown) => { this.#failure ??= error })
      .finally(() => this.#inFlight.delete(running))
    this.#inFlight.add(running)
  }

  /** Resolves when no work is in flight. */
  async idle (): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight)
  }

  /**
   * Runs scheduled steps until the scenario has ended or fails.
   *
   * @param together runs two steps at a time, as if they had arrived in one packet
   */
  async run (scenario: Promise<void>, together: boolean): Promise<void> {
    let over = false
    scenario.catch((error: unknown) => { this.#failure ??= error }).finally(() => { over = true })
    for (;;) {
      await drained()
      if (this.#failure !== undefined) throw this.#failure
      if (over) return
      if (this.#scheduler.count() === 0) throw new Error('All work waits, and no step is scheduled.')
      this.#scheduler.waitOne()
      if (together && this.#scheduler.count() > 0) this.#scheduler.waitOne()
    }
  }

  /** Runs one writer at a time. SQLite does so too, but its waiting writers retry by a clock that is not simulated. */
  async inTurn<T> (work: () => Promise<T>): Promise<T> {
    const result = this.#lastWriter.then(work)
    this.#lastWriter = result.catch(() => {})
    return await result
  }

  /** Runs a transaction of another program, which knows nothing of caches. */
  async writeFromOutside (changes: readonly Change[], commits: boolean): Promise<void> {
    await this.inTurn(async () => {
      const { connection } = this.open(() => this.#connect())
      connection.exec('BEGIN IMMEDIATE')
      for (const change of changes) {
        connection.exec(this.statement('another program', change))
        await this.schedule('another program continues')
      }
      connection.exec(commits ? 'COMMIT' : 'ROLLBACK')
      connection.close()
      this.note(`another program ${commits ? 'committed' : 'rolled back'}`)
    })
  }

  #connect () {
    const connection = new Sqlite(this.path)
    return { connection, end: () => connection.close() }
  }

  /** Returns SQL with a title that was never written before, and notes it. */
  statement (writer: string, change: Change): string {
    const text = change(`v${++this.#titles}`)
    this.note(`${writer}: ${text}`)
    return text
  }

  note (event: string): number {
    return this.#log.push(event)
  }

  get log (): string {
    return this.#log.map((line, i) => `${i + 1}. ${line}`).join('\n')
  }

  /** Creates something that ends with the world. Work that is left after the end cannot create anything. */
  open<T extends { end: () => void }> (create: () => T): T {
    if (this.#over) throw new Error('The scenario has ended.')
    const created = create()
    this.#open.push(created)
    return created
  }

  close (): void {
    this.#over = true
    for (const opened of this.#open) opened.end()
    this.history.close()
  }
}
