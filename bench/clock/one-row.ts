import { Pool } from 'undici'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { openProducts } from '../../src/products/index.ts'
import { connect, dropTriggers, newFile } from '../support/files.ts'
import { startServer, stop } from '../support/process.ts'
import { type Line, compareRatio } from '../support/table.ts'
import { assert, perAsyncCall, perCall, takeTurns } from '../support/turns.ts'

const ROUNDS = 9
/** The ratio that the update of one row may reach. */
const TARGET = 1.2

/** Measures one kind of update on one file. */
interface Updater { time: () => number | Promise<number>, end: () => void | Promise<void> }
type Kind = (path: string, rows: number, watched: boolean) => Updater | Promise<Updater>

/** Picks another row for each call. */
const pickId = (call: number, rows: number) => call * 7919 % rows + 1
let price = 0

const raw: Kind = (path, rows, watched) => {
  const connection = connect(path)
  if (!watched) dropTriggers(connection)
  const update = connection.prepare('UPDATE products SET price = ?, updated = ? WHERE id = ?')
  return {
    time: () => perCall(2_000, (call) => update.run(String(++price), new Date().toISOString(), pickId(call, rows))),
    end: () => { connection.close() }
  }
}

const repository: Kind = async (path, rows, watched) => {
  const database = openDatabase(`file:${path}`)
  if (!watched) unwatch(path)
  const cache = createCache({ store: memoryStore(), versions: database.versions })
  const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  return {
    time: () => perAsyncCall(1_000, async (call) => {
      assert(await products.update(pickId(call, rows), { price: String(++price) }) !== undefined, 'an update')
    }),
    end: database.close
  }
}

const service: Kind = async (path, rows, watched) => {
  const running = await startServer('src/server.ts', [], { DATABASE_URL: `file:${path}`, REDIS_URL: '' })
  if (!watched) unwatch(path)
  const pool = new Pool(running.address, { connections: 1 })
  const headers = { 'content-type': 'application/json' }
  return {
    time: () => perAsyncCall(300, async (call) => {
      const body = JSON.stringify({ price: String(++price) })
      const path = `/api/products/${pickId(call, rows)}`
      const response = await pool.request({ method: 'PATCH', headers, path, body })
      await response.body.dump()
      assert(response.statusCode === 200, 'an update over HTTP')
    }),
    async end () {
      await pool.close()
      await stop(running)
    }
  }
}

function unwatch (path: string): void {
  const other = connect(path)
  dropTriggers(other)
  other.close()
}

const KINDS: Record<string, Kind> = {
  'raw statement': raw,
  'products.update': repository,
  'PATCH over HTTP': service
}

/** Measures an update of one row in its own transaction, with and without the triggers. */
export async function oneRow (): Promise<Line[]> {
  const lines: Line[] = []
  for (const [what, kind] of Object.entries(KINDS)) {
    for (const rows of [100, 100_000]) {
      const updaters: Updater[] = []
      try {
        for (const watched of [true, false]) {
          updaters.push(await kind(await newFile(`${what}-${rows}-${watched}`, rows), rows, watched))
        }
        const [watched, plain] = updaters
        const figures = await takeTurns(ROUNDS, { watched: watched!.time, plain: plain!.time })
        const title = `${what}, ${rows.toLocaleString('en')} products`
        lines.push(compareRatio(title, figures.watched, figures.plain, TARGET))
      } finally {
        for (const { end } of updaters) await end()
      }
    }
  }
  return lines
}
