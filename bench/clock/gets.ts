import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { openProducts } from '../../src/products/index.ts'
import { connect, newFile } from '../support/files.ts'
import { type Line, compareRatio } from '../support/table.ts'
import { assert, takeTurns, typicalAsyncCall } from '../support/turns.ts'

const ROUNDS = 9
/** The ratio that a hit may reach. */
const TARGET = 1.05

/** Measures hits of `cache.get`: with tags, which are checked, and without. */
export async function gets (): Promise<Line[]> {
  const path = await newFile('gets', 100)
  const database = openDatabase(`file:${path}`)
  const cache = createCache({ store: memoryStore(), versions: database.versions })
  const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  const other = connect(path)
  const write = () => other.exec("UPDATE products SET price = '1' WHERE id = 2")

  await cache.set('row', await products.find(1))
  await cache.set('list', await products.list())
  await cache.getOrSet('tagged row', () => products.find(1))
  write()
  await cache.getOrSet('tagged list', () => products.list())

  const hits = (key: string, calls: number) => async () => {
    assert(await cache.get(key) !== undefined, `hits of ${key}`)
    return await typicalAsyncCall(calls, () => cache.get(key))
  }
  const figures = await takeTurns(ROUNDS, {
    row: hits('row', 10_000),
    taggedRow: hits('tagged row', 10_000),
    list: hits('list', 1_000),
    taggedList: hits('tagged list', 1_000)
  })
  other.close()
  await database.close()
  return [
    compareRatio('cache.get of the list of 100, nothing written since', figures.taggedList, figures.list, TARGET),
    compareRatio('cache.get of a row, another row written since', figures.taggedRow, figures.row, TARGET)
  ]
}
