import { openDatabase } from '../../src/db/index.ts'
import { connect, newFile } from '../support/files.ts'
import { type Line, checkTime } from '../support/table.ts'
import { assert, median, takeTurns, typicalCall } from '../support/turns.ts'

const ROUNDS = 11
const CALLS = 10_000
const COMMITS = 300
/** Microseconds. */
const TARGET = 5

/** Measures how long it takes to check whether an entry is still current. */
export async function checks (): Promise<Line[]> {
  const path = await newFile('checks', 1_000)
  const { versions, close } = openDatabase(`file:${path}`)
  const other = connect(path)
  const note = other.prepare('INSERT INTO notes (n) VALUES (1)')
  const product = other.prepare("UPDATE products SET price = '1' WHERE id = 999") // not one of the rows below
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `products:${i + 1}`)

  /** Measures a check, after one run of `write`. */
  const after = (write: () => void, tags: string[]) => () => {
    const stamp = versions.stamp() as string
    write()
    assert(versions.firstChanged(stamp, tags) === undefined, 'a current entry')
    return typicalCall(CALLS, () => versions.firstChanged(stamp, tags))
  }
  /** Measures the first check after each commit. */
  const afterEach = (write: () => void, tags: string[]) => () => {
    const stamp = versions.stamp() as string
    return median(Array.from({ length: COMMITS }, () => {
      write()
      const began = performance.now()
      const changed = versions.firstChanged(stamp, tags)
      const ms = performance.now() - began
      assert(changed === undefined, 'a current entry')
      return ms * 1000
    }))
  }

  const figures = await takeTurns(ROUNDS, {
    'table tag, nothing written since': after(() => {}, ['products']),
    '100 row tags, nothing written since': after(() => {}, rows(100)),
    'table tag, another table written since': after(() => note.run(), ['products']),
    '1 row tag, another row written since': after(() => product.run(), rows(1)),
    '10 row tags, another row written since': after(() => product.run(), rows(10)),
    '100 row tags, another row written since': after(() => product.run(), rows(100)),
    'table tag, first check after a commit': afterEach(() => note.run(), ['products']),
    '1 row tag, first check after a commit': afterEach(() => product.run(), rows(1)),
    '10 row tags, first check after a commit': afterEach(() => product.run(), rows(10)),
    '100 row tags, first check after a commit': afterEach(() => product.run(), rows(100))
  })
  other.close()
  await close()
  return Object.entries(figures).map(([what, figure]) => checkTime(what, figure, TARGET))
}
