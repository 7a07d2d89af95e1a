import Sqlite from 'better-sqlite3'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { type Cache, createCache, memoryStore, type Store } from '../../src/cache/index.ts'
import { openDatabase, type SqliteDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { openProducts, type Products } from '../../src/products/index.ts'

/** Options of a page that is built from the database. */
export const cached = { config: { cachePage: { ttl: 900 } } }

export interface Site {
  app: FastifyInstance
  cache: Cache
  database: SqliteDatabase
  products: Products
  /** Another program, which knows nothing of any cache. */
  other: Sqlite.Database
}

/** Starts a process with five products, in a file that several processes may share. */
export async function startSite (
  t: Test, store: Store = memoryStore(), path = `${t.testdir()}/larder.db`
): Promise<Site> {
  const database = openDatabase(`file:${path}`)
  const cache = createCache({ store, versions: database.versions })
  const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  if (await products.count() === 0) await products.createMany([...'abcde'].map((title) => ({ title, price: '1' })))
  const other = new Sqlite(path)
  const app = Fastify()
  await app.register(pageCache, { cache })
  t.teardown(async () => {
    await app.close()
    other.close()
    await database.close()
  })
  app.get('/list', cached, () => products.list())
  app.get<{ Params: { id: string } }>('/products/:id', cached, async ({ params: { id } }) => {
    return await products.find(Number(id)) ?? 'none'
  })
  return { app, cache, database, products, other }
}

/** Returns `hit`, or the reason why it was no hit, from `Cache-Status`. */
export async function status (app: FastifyInstance, url: string): Promise<string> {
  const header = (await app.inject(url)).headers['cache-status'] as string
  if (header === undefined) return 'none'
  if (header.includes('; hit')) return 'hit'
  return /detail=([\w-]+)/.exec(header)?.[1] ?? /fwd=([\w-]+)/.exec(header)![1]!
}

/** Requests all pages once, and checks that they are stored. */
export async function warm (t: Test, app: FastifyInstance, urls: string[]): Promise<void> {
  for (const url of urls) await app.inject(url)
  for (const url of urls) t.equal(await status(app, url), 'hit', `${url} is stored`)
}
