import { sql } from 'drizzle-orm'
import { memoryStore, type Store, tieredStore, type Versions } from '../../../src/cache/index.ts'
import type { SqliteDatabase } from '../../../src/db/index.ts'
import type { Change } from './changes.ts'
import { Violation } from './history.ts'
import { openModelDatabase } from './model-worker.ts'
import { KEYS, LoadFailed, type ModelCache, type ReadMode, readRows, readThrough, UPSTREAM } from './reads.ts'
import type { World } from './world.ts'

/** The cache under test, and how the application uses it. */
export interface Subject {
  makeCache: (parts: { store: Store, versions: Versions, now: () => number }) => ModelCache
  /** When a writer deletes keys: just before its commit, after it, or only sometimes after it, because it need not. */
  deletes: 'before' | 'after' | 'sometimes'
  /** Each process has an L1 store over the shared one. */
  tiered?: boolean
  /** The version clock is asynchronous, as that of a remote database is. */
  slowClock?: boolean
}

/** What a transaction does. */
export interface Transaction {
  readonly changes: readonly Change[]
  readonly commits: boolean
  /** Changes in a savepoint, which is then rolled back alone. */
  readonly undone: readonly Change[]
  /** The key that the transaction reads through the cache after its changes. */
  readonly peek: string | undefined
  /** Whether the transaction waits for that read. */
  readonly waits: boolean
  /** The upstream changes too, and the transaction invalidates its tag. */
  readonly changesUpstream: boolean
  /** The writer deletes keys after the commit although it need not. */
  readonly deletesKeys: boolean
  /** The key that the writer reads right after the commit. */
  readonly after: string | undefined
}

/** Accepts stale values, which are refreshed in the background. */
const REVALIDATING: ReadMode = { options: { ttl: 10, staleWhileRevalidate: 20 }, fails: false }

class RolledBack extends Error {}
class Crashed extends Error {}

/** A process with its own cache and connection, until it crashes. */
export class ModelProcess {
  readonly #name: string
  readonly #world: World
  readonly #subject: Subject
  readonly #died = Promise.withResolvers<never>()
  /** Aborts what waits for the database at the end, so that no time limit of it keeps the test running. */
  readonly #ending = new AbortController()
  readonly #database: SqliteDatabase
  readonly #cache: ModelCache
  #alive = true
  /** The commands that it sent to Redis before it crashed do not arrive. */
  #isCutOff = false

  constructor (name: string, world: World, subject: Subject) {
    this.#name = name
    this.#world = world
    this.#subject = subject
    this.#died.promise.catch(() => {})
    this.#database = openModelDatabase(name, world)
    if (subject.slowClock) this.#slowDown(this.#database.versions)
    const { now } = world
    const shared = world.redis.storeThrough((command, effect) => this.#send(command, effect))
    const store = subject.tiered ? tieredStore({ near: memoryStore({ now }), far: shared, nearTtl: 5, now }) : shared
    this.#cache = subject.makeCache({ store, versions: this.#database.versions, now })
  }

  get alive (): boolean {
    return this.#alive
  }

  async read (key: string, mode: ReadMode): Promise<void> {
    const { history } = this.#world
    const start = history.begin()
    const id = this.#note(`reads ${key}`)
    const parts = await this.#survive(() => readThrough(this.#reader, key, mode))
    if (parts === undefined) return
    this.#note(`got ${JSON.stringify(parts)} for ${id}`)
    history.check(parts, start)
  }

  async write (transaction: Transaction): Promise<void> {
    const { changes, commits, undone, peek, waits, changesUpstream, deletesKeys, after } = transaction
    const { history } = this.#world
    const { deletes } = this.#subject
    let upstream = 0
    const read = async () => {
      if (peek === undefined) return
      if (waits) await this.#peek(peek, upstream)
      else readThrough(this.#reader, peek, REVALIDATING).catch(() => {}) // it may be too late to succeed
    }
    const done = await this.#survive(() => this.#world.inTurn(() => this.#database.transaction(async () => {
      await this.#pause('transaction begins')
      await this.#change(changes)
      if (changesUpstream) {
        upstream = ++history.upstream
        await this.#cache.invalidateTags([UPSTREAM])
      }
      if (undone.length > 0) {
        await ignore(RolledBack, this.#database.transaction(async () => {
          await this.#change(undone)
          await read()
          throw new RolledBack()
        }))
      }
      await read()
      if (deletes === 'before') await this.#delete(KEYS)
      await this.#pause(commits ? 'commits' : 'rolls back')
      if (!commits) throw new RolledBack()
      return true
    })))
    if (done === undefined) return
    this.#note('committed')
    history.acknowledged = Math.max(history.acknowledged, upstream)
    if (deletes === 'after' || (deletesKeys && deletes === 'sometimes')) await this.#survive(() => this.#delete(KEYS))
    if (after !== undefined && this.#alive) await this.read(after, REVALIDATING)
  }

  /** Changes the upstream, and invalidates its tag. */
  async changeUpstream (): Promise<void> {
    const upstream = ++this.#world.history.upstream
    const done = await this.#survive(async () => {
      await this.#pause('upstream changed')
      await this.#world.inTurn(() => this.#cache.invalidateTags([UPSTREAM]))
      return true
    })
    if (done) this.#world.history.acknowledged = Math.max(this.#world.history.acknowledged, upstream)
  }

  async delete (key: string): Promise<void> {
    await this.#survive(() => this.#delete([key]))
  }

  async touch (key: string): Promise<void> {
    await this.#survive(() => this.#cache.touch(key))
  }

  /**
   * Ends at once: its connection and its transaction are gone, and none of its code continues.
   *
   * @param arrives whether commands that it has sent to Redis still take effect
   */
  crash (arrives: boolean): void {
    this.#note('crashes')
    this.#isCutOff = !arrives
    this.end()
  }

  end (): void {
    if (!this.#alive) return
    this.#alive = false
    this.#database.close()
    this.#died.reject(new Crashed())
    this.#ending.abort(new Crashed())
  }

  get #reader () {
    return { cache: this.#cache, database: this.#database, history: this.#world.history, pause: this.#pause }
  }

  /** Within a transaction. */
  async #change (changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      await this.#database.sql.run(sql.raw(this.#world.statement(this.#name, change)))
      await this.#pause('changed')
    }
  }

  /** Within a transaction. */
  async #peek (key: string, upstream: number): Promise<void> {
    const { history } = this.#world
    const start = { snapshot: history.observe(), upstream: Math.max(history.acknowledged, upstream) }
    const parts = await readThrough(this.#reader, key, REVALIDATING)
    this.#note(`sees ${JSON.stringify(parts)}`)
    history.checkWithin(parts, await readRows(this.#database), start)
  }

  /** Ignores a Redis that is unavailable. */
  async #delete (keys: readonly string[]): Promise<void> {
    await this.#cache.deleteMany(keys).catch(() => {})
  }

  /** Waits until the scheduler continues it. After a crash it throws. */
  readonly #pause = async (label: string): Promise<void> => {
    await this.#unlessDead(this.#world.schedule(`${this.#name} ${label}`))
  }

  async #send<T> (command: string, effect: () => T): Promise<T> {
    if (!this.#alive) throw new Crashed()
    const { redis } = this.#world
    const effected = this.#world.schedule(`${this.#name} → redis: ${command}`).then(() => {
      if (!redis.reachable || this.#isCutOff) throw new Error('Redis is unavailable')
      return effect()
    })
    const reply = await this.#unlessDead(effected)
    await this.#pause(`← redis: ${command}`)
    if (!redis.reachable) throw new Error('Redis became unavailable')
    return reply
  }

  async #unlessDead<T> (work: Promise<T>): Promise<T> {
    const result = await Promise.race([work, this.#died.promise])
    if (!this.#alive) throw new Crashed()
    return result
  }

  /** Returns the result of `work`, or undefined if it failed by a crash, a rollback or a load that has to fail. */
  async #survive<T> (work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await this.#database.withSignal(this.#ending.signal, work)
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
      await this.#pause('requests a stamp')
      const taken = await stamp(tags)
      await this.#pause('gets a stamp')
      return taken
    }
    versions.firstChanged = async (...about) => {
      await this.#pause('requests a check')
      const changed = await firstChanged(...about)
      await this.#pause('gets the result of the check')
      return changed
    }
  }

  #note (event: string): number {
    return this.#world.note(`${this.#name} ${event}`)
  }
}

async function ignore (expected: new () => Error, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => { if (!(error instanceof expected)) throw error })
}
