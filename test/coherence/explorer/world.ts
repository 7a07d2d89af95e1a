import { setImmediate as drained } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import type { Scheduler } from 'fast-check'
import { History } from './history.ts'
import { ModelRedis } from './redis.ts'

/** SQL that writes a title. */
export type Change = (title: string) => string

/** What the processes share: a file, a Redis, the time, and the scheduler, which decides who goes on next. */
export class World {
  readonly path: string
  readonly redis = new ModelRedis()
  readonly history: History
  readonly #scheduler: Scheduler
  readonly #log: string[] = []
  readonly #open: Array<{ end: () => void }> = []
  readonly #underWay = new Set<Promise<unknown>>()
  #failure: unknown
  #over = false
  #time = Date.UTC(2026, 0, 1)
  #titles = 0
  #turns: Promise<unknown> = Promise.resolve()

  constructor (path: string, scheduler: Scheduler) {
    this.path = path
    this.#scheduler = scheduler
    this.history = new History(path)
  }

  readonly now = (): number => this.#time

  advance (seconds: number): void {
    this.#time += seconds * 1000
  }

  /** Passes when the scheduler chooses it among all that wait. */
  async moment (label: string): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve(), label)
    this.note(label)
  }

  /** Goes on with some work beside what comes next. */
  start (work: () => Promise<unknown>): void {
    const running = work().catch((error: unknown) => { this.#failure ??= error }).finally(() => this.#underWay.delete(running))
    this.#underWay.add(running)
  }

  /** Resolves when nothing is under way. */
  async quiet (): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  /**
   * Lets the scheduler choose until the story is over, or something fails.
   *
   * @param together releases two at a time, as what arrives in one packet would be
   */
  async run (story: Promise<void>, together: boolean): Promise<void> {
    let over = false
    story.catch((error: unknown) => { this.#failure ??= error }).finally(() => { over = true })
    for (;;) {
      await drained()
      if (this.#failure !== undefined) throw this.#failure
      if (over) return
      if (this.#scheduler.count() === 0) throw new Error('everybody waits for ever')
      this.#scheduler.waitOne()
      if (together && this.#scheduler.count() > 0) this.#scheduler.waitOne()
    }
  }

  /** One writer at a time: SQLite sees to it too, but who waits there looks again after a time that is not ours. */
  async inTurn<T> (work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => {})
    return await turn
  }

  /** A transaction of another program, which knows of no cache. */
  async writeFromOutside (changes: readonly Change[], commits: boolean): Promise<void> {
    await this.inTurn(async () => {
      const { connection } = this.open(() => this.#connect())
      connection.exec('BEGIN IMMEDIATE')
      for (const change of changes) {
        connection.exec(this.statement('another program', change))
        await this.moment('another program goes on')
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

  /** A statement with a title that was never written before. */
  statement (who: string, change: Change): string {
    const text = change(`v${++this.#titles}`)
    this.note(`${who}: ${text}`)
    return text
  }

  note (what: string): number {
    return this.#log.push(what)
  }

  get log (): string {
    return this.#log.map((line, i) => `${i + 1}. ${line}`).join('\n')
  }

  /** Opens something that ends with the world. What an unfinished story leaves behind opens nothing any more. */
  open<T extends { end: () => void }> (make: () => T): T {
    if (this.#over) throw new Error('the story is over')
    const made = make()
    this.#open.push(made)
    return made
  }

  close (): void {
    this.#over = true
    for (const opened of this.#open) opened.end()
    this.history.close()
  }
}
