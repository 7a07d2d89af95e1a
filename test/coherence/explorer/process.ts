import { sql } from 'drizzle-orm'
import { memoryStore, type Store, tieredStore, type Versions } from '../../../src/cache/index.ts'
import { type Database, openDatabase } from '../../../src/db/index.ts'
import { Violation } from './history.ts'
import { KEYS, LoadFailed, type Manner, type ModelCache, readThrough, rowsOf, UPSTREAM } from './reads.ts'
import type { Change, World } from './world.ts'

/** The cache that is explored, and how its users treat it. */
export interface Subject {
  makeCache: (parts: { store: Store, versions: Versions, now: () => number }) => ModelCache
  /** When who writes deletes keys: just before the commit, after it, or sometimes after it, since it need not. */
  deletes: 'before' | 'after' | 'sometimes'
  /** A store in each process over the shared one. */
  tiered?: boolean
  /** The clock of the database answers after a while, as that of a database elsewhere would. */
  slowClock?: boolean
}

/** What is done in a transaction. */
export interface Work {
  readonly changes: readonly Change[]
  readonly commits: boolean
  /** Done in a part of the transaction, which is then undone alone. */
  readonly undone: readonly Change[]
  /** What is read through the cache after changes. */
  readonly peek: string | undefined
  /** Whether the transaction waits for what is read. */
  readonly waits: boolean
  /** The upstream moves too, and its tag is invalidated in the transaction. */
  readonly moves: boolean
  /** Deletes keys after the commit, if it need not. */
  readonly tidy: boolean
  /** What is read right after the commit. */
  readonly after: string | undefined
}

/** Takes what may stand in, and loads in the background. */
const WHOEVER: Manner = { options: { ttl: 10, staleWhileRevalidate: 20 }, fails: false }

class RolledBack extends Error {}
class Crashed extends Error {}

/** A process with a cache and a database of its own, until it crashes. */
export class Process {
  readonly #name: string
  readonly #world: World
  readonly #subject: Subject
  readonly #died = Promise.withResolvers<never>()
  readonly #database: Database
  readonly #cache: ModelCache
  #alive = true
  /** What it sent to Redis before it crashed will not arrive. */
  #cut = false

  constructor (name: string, world: World, subject: Subject) {
    this.#name = name
    this.#world = world
    this.#subject = subject
    this.#died.promise.catch(() => {})
    this.#database = openDatabase(`file:${world.path}`)
    if (subject.slowClock) this.#slowDown(this.#database.versions)
    const { now } = world
    const far = world.redis.storeThrough((command, effect) => this.#send(command, effect))
    const store = subject.tiered ? tieredStore({ near: memoryStore({ now }), far, nearTtl: 5, now }) : far
    this.#cache = subject.makeCache({ store, versions: this.#database.versions, now })
  }

  get alive (): boolean {
    return this.#alive
  }

  async read (key: string, manner: Manner): Promise<void> {
    const { history } = this.#world
    const beginning = history.begin()
    const id = this.#note(`reads ${key}`)
    const parts = await this.#survive(() => readThrough(this.#reader, key, manner))
    if (parts === undefined) return
    this.#note(`got ${JSON.stringify(parts)} for ${id}`)
    history.judge(parts, beginning)
  }

  async write (work: Work): Promise<void> {
    const { changes, commits, undone, peek, waits, moves, tidy, after } = work
    const { history } = this.#world
    const { deletes } = this.#subject
    let moved = 0
    const look = async () => {
      if (peek === undefined) return
      if (waits) await this.#peek(peek, moved)
      else readThrough(this.#reader, peek, WHOEVER).catch(() => {}) // it may be too late to succeed
    }
    const done = await this.#survive(() => this.#world.inTurn(() => this.#database.transaction(async () => {
      await this.#pause('transaction begins')
      await this.#change(changes)
      if (moves) {
        moved = ++history.upstream
        await this.#cache.invalidateTags([UPSTREAM])
      }
      if (undone.length > 0) {
        await ignore(RolledBack, this.#database.transaction(async () => {
          await this.#change(undone)
          await look()
          throw new RolledBack()
        }))
      }
      await look()
      if (deletes === 'before') await this.#delete(KEYS)
      await this.#pause(commits ? 'commits' : 'rolls back')
      if (!commits) throw new RolledBack()
      return true
    })))
    if (done === undefined) return
    this.#note('committed')
    history.acknowledged = Math.max(history.acknowledged, moved)
    if (deletes === 'after' || (tidy && deletes === 'sometimes')) await this.#survive(() => this.#delete(KEYS))
    if (after !== undefined && this.#alive) await this.read(after, WHOEVER)
  }

  /** The upstream moves, and who moved it says so. */
  async move (): Promise<void> {
    const moved = ++this.#world.history.upstream
    const done = await this.#survive(async () => {
      await this.#pause('upstream moved')
      await this.#world.inTurn(() => this.#cache.invalidateTags([UPSTREAM]))
      return true
    })
    if (done) this.#world.history.acknowledged = Math.max(this.#world.history.acknowledged, moved)
  }

  async delete (key: string): Promise<void> {
    await this.#survive(() => this.#delete([key]))
  }

  async touch (key: string): Promise<void> {
    await this.#survive(() => this.#cache.touch(key))
  }

  /**
   * Ends at once: what it has open is gone, its transaction too, and nothing of it goes on.
   *
   * @param arrives whether what it has sent to Redis takes effect all the same
   */
  crash (arrives: boolean): void {
    this.#note('crashes')
    this.#cut = !arrives
    this.end()
  }

  end (): void {
    if (!this.#alive) return
    this.#alive = false
    this.#database.close()
    this.#died.reject(new Crashed())
  }

  get #reader () {
    return { cache: this.#cache, database: this.#database, history: this.#world.history, pause: this.#pause }
  }

  /** Within a transaction. */
  async #change (changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      this.#database.sql.run(sql.raw(this.#world.statement(this.#name, change)))
      await this.#pause('changed')
    }
  }

  /** Within a transaction. */
  async #peek (key: string, moved: number): Promise<void> {
    const { history } = this.#world
    const beginning = { snapshot: history.observe(), upstream: Math.max(history.acknowledged, moved) }
    const parts = await readThrough(this.#reader, key, WHOEVER)
    this.#note(`sees ${JSON.stringify(parts)}`)
    history.judgeWithin(parts, rowsOf(this.#database), beginning)
  }

  /** A Redis that is away is no reason to fail. */
  async #delete (keys: readonly string[]): Promise<void> {
    await this.#cache.deleteMany(keys).catch(() => {})
  }

  /** Waits until the scheduler lets it go on, which it does not after a crash. */
  readonly #pause = async (label: string): Promise<void> => {
    await this.#unlessDead(this.#world.moment(`${this.#name} ${label}`))
  }

  async #send<T> (command: string, effect: () => T): Promise<T> {
    if (!this.#alive) throw new Crashed()
    const { redis } = this.#world
    const effected = this.#world.moment(`${this.#name} → redis: ${command}`).then(() => {
      if (!redis.reachable || this.#cut) throw new Error('Redis is away')
      return effect()
    })
    const answer = await this.#unlessDead(effected)
    await this.#pause(`← redis: ${command}`)
    if (!redis.reachable) throw new Error('Redis went away')
    return answer
  }

  async #unlessDead<T> (work: Promise<T>): Promise<T> {
    const result = await Promise.race([work, this.#died.promise])
    if (!this.#alive) throw new Crashed()
    return result
  }

  /** What `work` brings; undefined where it failed in a way that it may: by a crash, a rollback or a load that was told to. */
  async #survive<T> (work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work()
      return this.#alive ? result : undefined
    } catch (error) {
      if (error instanceof Violation) throw error
      if (!this.#alive || error instanceof RolledBack || error instanceof LoadFailed) return undefined
      throw new Violation(`${this.#name} failed with ${String(error)}`, { cause: error })
    }
  }

  #slowDown (versions: Versions): void {
    const { stamp, firstChanged } = versions
    versions.stamp = async (tags) => {
      await this.#pause('asks for a stamp')
      const taken = await stamp(tags)
      await this.#pause('gets a stamp')
      return taken
    }
    versions.firstChanged = async (...about) => {
      await this.#pause('asks the clock')
      const changed = await firstChanged(...about)
      await this.#pause('gets the answer of the clock')
      return changed
    }
  }

  #note (what: string): number {
    return this.#world.note(`${this.#name} ${what}`)
  }
}

async function ignore (expected: new () => Error, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => { if (!(error instanceof expected)) throw error })
}
