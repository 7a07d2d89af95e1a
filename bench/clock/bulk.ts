import type Sqlite from 'better-sqlite3'
import { addProducts, connect, dropTriggers, newFile } from '../support/files.ts'
import { compareAdded, type Line } from '../support/table.ts'
import { assert, perCall, takeTurns } from '../support/turns.ts'

const ROUNDS = 7
const ROWS = 100_000
/** Microseconds per row. */
const TARGET = 1.5

/** Measures one statement that changes 100,000 rows, by a program that knows nothing of the clock. */
export async function bulk (): Promise<Line[]> {
  const watched = connect(await newFile('bulk-watched', ROWS))
  const plain = connect(await newFile('bulk-plain', ROWS))
  dropTriggers(plain)
  let price = 0

  const perRow = (work: () => void) => perCall(1, work) / ROWS
  const fill = (connection: Sqlite.Database) => {
    if (connection.prepare('SELECT 1 FROM products').get() === undefined) addProducts(connection, ROWS)
  }
  const updates = (connection: Sqlite.Database) => () => {
    fill(connection)
    const update = connection.prepare('UPDATE products SET price = ?')
    return perRow(() => assert(update.run(String(++price)).changes === ROWS, 'an update of all rows'))
  }
  const deletes = (connection: Sqlite.Database, condition: string) => () => {
    fill(connection)
    const all = connection.prepare(`DELETE FROM products ${condition}`)
    return perRow(() => assert(all.run().changes === ROWS, 'a deletion of all rows'))
  }
  const inserts = (connection: Sqlite.Database) => () => {
    connection.exec('DELETE FROM products')
    return perRow(() => addProducts(connection, ROWS))
  }

  const figures = await takeTurns(ROUNDS, {
    update: updates(watched),
    plainUpdate: updates(plain),
    delete: deletes(watched, 'WHERE id > 0'),
    plainDelete: deletes(plain, 'WHERE id > 0'),
    deleteAll: deletes(watched, ''),
    plainDeleteAll: deletes(plain, ''),
    insert: inserts(watched),
    plainInsert: inserts(plain)
  })
  watched.close()
  plain.close()
  return [
    compareAdded('update, per row', figures.update, figures.plainUpdate, TARGET),
    compareAdded('insert, per row', figures.insert, figures.plainInsert, TARGET),
    compareAdded('delete with a condition, per row', figures.delete, figures.plainDelete, TARGET),
    compareAdded('delete without one, per row', figures.deleteAll, figures.plainDeleteAll, TARGET)
  ]
}
