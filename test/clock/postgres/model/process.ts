import { createCache, memoryStore, type Cache, type Store, type Versions } from '../../../../src/cache/index.ts'
import type { Catalog } from '../../../../src/clock/postgres/catalog.ts'
import type { Connection } from '../../../../src/clock/postgres/connection.ts'
import type { Looks } from '../../../../src/clock/postgres/looks.ts'
import type { QueryDependencies } from '../../../../src/clock/postgres/query-dependencies.ts'
import type { Code } from './code.ts'
import { ModelConnection } from './connection.ts'
import type { State } from './server.ts'
import { writeSnapshot } from './snapshot.ts'
import type { World } from './world.ts'

/** What can be read: a row, or all of them. Each answer also shows the schema, on which all of them depend. */
export type Key = 'row 1' | 'row 2' | 'all'

const TAGS: Record<Key, string[]> = { 'row 1': ['items:1'], 'row 2': ['items:2'], all: ['items'] }

const read = (key: Key, { rows, schema }: State) => {
  const shown = key === 'all' ? [...rows.values()].join('+') : rows.get(Number(key.at(-1)))
  return `${shown} in schema ${schema}`
}

const describe = (relation: number) =>
  JSON.stringify([[relation, 'public', 'items', true, [relation], [[1, 'id', 'int', true]]]])
const UNSAFE = JSON.stringify({ functions: [], operators: [], casts: false })

/** Tags whose changes are remembered: so few that some are forgotten. */
const MAX_TAGS = 2

/** The part of a cache that the model uses. */
export type ModelCache = Pick<Cache, 'getOrSet'>

/** What a design has to make its cache of. */
export interface Parts {
  readonly name: string
  readonly world: World
  readonly store: Store
  readonly versions: Versions
  readonly looks: Looks
}

export interface Design {
  /** The process side of the clock, or a mutant of it. */
  readonly code: Code
  /** Makes another cache than ours. */
  readonly makeCache?: (parts: Parts) => ModelCache
  /** Changes how a process looks. */
  readonly changeLooks?: (looks: Looks, world: World) => void
  /** Its connections lead to a pooler, which notices a failover before the processes do. */
  readonly isPooled?: boolean
}

/** A process with a clock of its own. It runs the code of the clock on the server of the model. */
export class ModelProcess {
  readonly #name: string
  readonly #world: World
  readonly #connection: ModelConnection
  readonly #cache: ModelCache
  readonly #logQuery: (sql: string, parameters: readonly unknown[]) => void
  readonly #looks: Looks

  /** @param shared the store of all processes */
  constructor (name: string, world: World, shared: Store, { code, makeCache, changeLooks, isPooled = false }: Design) {
    const { server } = world
    const { Catalog, Looks, RecentChanges, StaleEntries, Tracking } = code
    this.#name = name
    this.#world = world
    const store = { ...shared } // as a connection of this process to it
    let catalog: Catalog
    const readSchema = async () => {
      const relation = await connection.arrive('read the schema', () => server.relation)
      catalog = new Catalog(describe(relation), UNSAFE)
    }
    const connection = this.#connection = new ModelConnection({
      name,
      world,
      isPooled,
      async onConnect (connection) {
        const nonce = await connection.arrive('begin', () => server.beginHistory())
        if (nonce !== looks.nonce) {
          looks.beginHistory(nonce, await connection.arrive('snapshot', () => writeSnapshot(server.takeSnapshot())))
        }
        await readSchema()
      }
    })
    const asConnection = connection as Pick<Connection, 'isReady' | 'query' | 'reconnect'> as Connection
    const changes = new RecentChanges(MAX_TAGS)
    const looks = this.#looks = new Looks({
      connection: asConnection, changes, readSchema, statement: code.createLookStatement(true)
    })
    changeLooks?.(looks, world)
    const versions = code.postgresVersions({
      looks,
      changes,
      staleEntries: new StaleEntries(asConnection, looks, code.createStaleStatement(true)),
      getCatalog: () => catalog,
      invalidate: async () => {},
      readLastChange: async () => ''
    })
    const dependencies = { resolve: (key: string) => TAGS[key as Key] }
    this.#logQuery = new Tracking({
      versions,
      dependencies: dependencies as Partial<QueryDependencies> as QueryDependencies,
      getStamp: () => looks.last?.stamp,
      onSessionChange () {}
    }).logQuery
    this.#cache = makeCache?.({ name, world, store, versions, looks }) ?? createCache({ store, versions })
  }

  async open (): Promise<void> {
    await this.#connection.open()
    await this.#looks.look()
  }

  /** Requests a value, and checks it. */
  async read (key: Key): Promise<void> {
    const { server } = this.#world
    const since = server.states.length - 1
    let isHit = true
    this.#world.note(`${this.#name} requests ${key}`)
    const answer = await this.#cache.getOrSet(key, async (context) => {
      isHit = false
      this.#logQuery(key, [])
      context.addTags(...TAGS[key])
      return await this.#load(key)
    }).catch(() => undefined)
    if (answer === undefined) return // the server has crashed
    if (isHit) this.#world.hits++
    const isShown = isHit ? 'a hit' : 'loaded'
    this.#world.check(`${this.#name} gets ${key}, ${isShown}`, answer, since, (state) => read(key, state))
  }

  async #load (key: Key): Promise<string> {
    const { server } = this.#world
    await this.#world.step(`${this.#name} loads ${key}`)
    const { life } = server
    const value = read(key, server.states.at(-1)!)
    await this.#world.step(`${this.#name} has loaded ${key}`)
    if (life !== server.life) throw new Error('The connection is lost.')
    return value
  }

  /** Notices that the server has crashed. */
  notice (): void {
    this.#connection.notice()
  }

  close (): void {
    this.#connection.close()
  }
}

export const createSharedStore = (): Store => memoryStore()
