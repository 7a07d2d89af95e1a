import type { Test } from 'tap'
import type { Cache, Versions } from '../../../src/cache/index.ts'

type MaybeAsync<T> = T | Promise<T>

/** A blog with two authors, each with a post: 'one' by Ada, 'two' by Bob. */
export interface Blog {
  readonly clock: {
    readonly versions: Versions
    refresh (): MaybeAsync<void>
    remove (): MaybeAsync<void>
    close (): MaybeAsync<void>
  }
  /** A cache in memory with that clock. */
  readonly cache: Cache
  /** Runs statements of SQL on the connection of the application. */
  run (sql: string): MaybeAsync<unknown>
  /** Runs statements of SQL on a connection that the clock does not know. */
  runElsewhere (sql: string): MaybeAsync<unknown>
  /** Runs statements of SQL in another program. */
  runInProgram (sql: string): MaybeAsync<unknown>
  /** Runs `work` in a transaction of Drizzle, and rolls it back. `work` gets queries that run in the transaction. */
  rollBack (work: (queries: Queries, run: (sql: string) => MaybeAsync<unknown>) => Promise<void>): Promise<void>
  /** Queries through Drizzle. */
  readonly queries: Queries
}

export interface Queries {
  /** All titles, in order of their rows. */
  titles (): MaybeAsync<string[]>
  title (id: number): MaybeAsync<string | undefined>
  titlesBy (authorId: number): MaybeAsync<string[]>
  /** The same through a relation of the author. */
  titlesOfAuthor (id: number): MaybeAsync<string[]>
  /** The name of the author of each post, through a relation. */
  authorNames (): MaybeAsync<string[]>
  /** The first column of the result of a statement. */
  column (sql: string): MaybeAsync<unknown[]>
}

export type SetUp = (t: Test) => Promise<Blog>

/** Returns a function that returns the result of a query, cached, and how many queries have run so far. */
export function countLoads ({ cache }: Blog) {
  let loads = 0
  return async <T>(key: string, query: () => MaybeAsync<T>): Promise<readonly [number, T]> => {
    const value = await cache.getOrSet(key, async () => {
      loads++
      return await query()
    })
    return [loads, value]
  }
}
