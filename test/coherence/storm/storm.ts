import Sqlite from 'better-sqlite3'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { killAll } from '../../support/process.ts'
import { type RestartableRedis, startRestartableRedis } from '../../support/restartable-redis.ts'
import { STOCKED } from './readers.ts'
import { Server } from './servers.ts'
import { Progress } from './progress.ts'
import { toRow, Truth } from './truth.ts'

/** Products that a storm begins with. */
const PRODUCTS = 40

/** All that the tasks of a storm share. */
export interface Storm {
  truth: Truth
  progress: Progress
  /** Another program: a connection that knows nothing of caches. */
  raw: Sqlite.Database
  redis: RestartableRedis
  /** Processes of the service, and two processes with other pages and values of the same products. */
  services: Server[]
  others: Server[]
}

const resolvePath = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Starts processes that share one SQLite file and one Redis. @param count how many of them are services */
export async function setUp (t: Test, count: number, onEvent: (event: string) => void): Promise<Storm> {
  t.teardown(killAll)
  const folder = t.testdir()
  const file = `${folder}/larder.db`
  const truth = new Truth()
  const raw = await fill(t, file, truth)
  const redis = await startRestartableRedis(t)
  const env = {
    DATABASE_URL: `file:${file}`,
    REDIS_URL: redis.url,
    CACHE_KEY_PREFIX: 'storm',
    LOG_LEVEL: 'silent',
    PORT: '0',
    HOST: '127.0.0.1'
  }
  const service = resolvePath('../../../src/server.ts')
  const services = Array.from({ length: count }, (_, i) => new Server(`service ${i + 1}`, service, env))
  const others = [
    new Server('other 1', resolvePath('server.ts'), { ...env, NEAR: '' }),
    new Server('other 2, with L1', resolvePath('server.ts'), { ...env, NEAR: 'memory' })
  ]
  await Promise.all([...services, ...others].map((server) => server.start()))
  return { truth, progress: new Progress(onEvent), raw, redis, services, others }
}

/** Inserts products, and creates a second table with a view over both. The next start adds the triggers. */
async function fill (t: Test, file: string, truth: Truth): Promise<Sqlite.Database> {
  await openDatabase(`file:${file}`).close()
  const raw = new Sqlite(file, { timeout: 10_000 })
  t.teardown(() => raw.close())
  raw.pragma('synchronous = NORMAL')
  raw.exec(`
    CREATE TABLE stock (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL);
    CREATE VIEW priced_stock AS SELECT products.id, price, amount FROM products JOIN stock ON stock.id = products.id
  `)
  const ids = Array.from({ length: PRODUCTS }, (_, i) => i + 1)
  const first = truth.begin('at the beginning', [])
  const add = raw.prepare('INSERT INTO products (id, title, price) VALUES (?, ?, ?)')
  for (const id of ids) add.run(id, `product ${id}`, String(first.n))
  raw.prepare('INSERT INTO stock SELECT id, price FROM products WHERE id <= ?').run(STOCKED)
  const stocked = ids.slice(0, STOCKED)
  truth.commit(first, [...ids.map((id) => toRow('products', id)), ...stocked.map((id) => toRow('stock', id))])
  return raw
}
