import type { Storm } from './storm.ts'
import { STOCKED } from './readers.ts'
import { isFull, product, someIds, type Writer } from './writers.ts'
import { type Row, toRow, type Table, type Write } from './truth.ts'

/*
 * Writes by another program, on a connection of its own. Each one has ended when its statement returns, and reports the
 * rows that it changed.
 */

const TITLE = 'by another program'

/** Runs one statement that returns the ids of the rows that it changed. */
function run (storm: Storm, write: Write, table: Table, sql: string, ...parameters: unknown[]): void {
  const ids = storm.raw.prepare<unknown[], number>(sql).pluck().all(...parameters)
  finish(storm, write, ids.map((id) => toRow(table, id)))
}

function finish ({ truth, progress }: Storm, write: Write, touched: Row[]): void {
  if (write.fate === 'undone' || touched.length === 0) truth.undo(write)
  else truth.commit(write, touched)
  const rows = write.rows instanceof Set ? [...write.rows].join() : write.rows
  progress.write(write.description, `${write.n} ${write.description}, ${rows}: ${write.fate} at ${write.over}`)
}

/** Conflict clauses. Triggers inherit them, and have to work with each. */
const ON_CONFLICT = ['', 'OR IGNORE', 'OR REPLACE', 'OR FAIL', 'OR ROLLBACK']

const updateOne: Writer = (storm, random) => {
  const [id] = someIds(storm, random, 1) as [number]
  const write = storm.truth.begin('raw UPDATE of one', [product(id)])
  const sql = `UPDATE ${random.pick(ON_CONFLICT)} products SET price = ? WHERE id = ? RETURNING id`
  run(storm, write, 'products', sql, String(write.n), id)
}

const updateAll: Writer = (storm) => {
  const write = storm.truth.begin('raw UPDATE of all', 'products')
  run(storm, write, 'products', 'UPDATE products SET price = ? RETURNING id', String(write.n))
}

const updateSome: Writer = (storm, random) => {
  const write = storm.truth.begin('raw UPDATE of some', 'products')
  const sql = 'UPDATE products SET price = ? WHERE id % 3 = ? RETURNING id'
  run(storm, write, 'products', sql, String(write.n), random.below(3))
}

/** Inserts or replaces a row. SQLite fires no delete trigger for a row that is replaced. */
const replace: Writer = (storm, random) => {
  const [id] = isFull(storm) ? [1] : someIds(storm, random, 1) as [number]
  const write = storm.truth.begin('raw INSERT OR REPLACE', [product(id)])
  const sql = 'INSERT OR REPLACE INTO products (id, title, price) VALUES (?, ?, ?) RETURNING id'
  run(storm, write, 'products', sql, id, TITLE, String(write.n))
}

const upsert: Writer = (storm, random) => {
  const [id] = isFull(storm) ? [1] : someIds(storm, random, 1) as [number]
  const write = storm.truth.begin('raw INSERT ON CONFLICT', [product(id)])
  run(storm, write, 'products', `INSERT INTO products (id, title, price) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET price = excluded.price RETURNING id`, id, TITLE, String(write.n))
}

const deleteOne: Writer = (storm, random) => {
  const [id] = someIds(storm, random, 1) as [number]
  const write = storm.truth.begin('raw DELETE of one', [product(id)], { removes: true })
  run(storm, write, 'products', 'DELETE FROM products WHERE id = ? RETURNING id', id)
}

/** Deletes and inserts all products in one transaction, so that no read may see the deletion. */
const deleteAndInsert: Writer = (storm) => {
  const { raw, truth } = storm
  const write = truth.begin('raw DELETE and INSERT of all', 'products')
  const rows = raw.transaction(() => {
    const rows = raw.prepare<[], { id: number, title: string }>('SELECT id, title FROM products').all()
    raw.exec('DELETE FROM products')
    const insert = raw.prepare('INSERT INTO products (id, title, price) VALUES (?, ?, ?)')
    for (const { id, title } of rows) insert.run(id, title, String(write.n))
    return rows
  }).immediate()
  finish(storm, write, rows.map(({ id }) => product(id)))
}

/** Rolls back a savepoint, and then perhaps the whole transaction. */
const rollBack: Writer = (storm, random) => {
  const { raw, truth } = storm
  const ids = someIds(storm, random, 3)
  const whole = random.chance(0.5)
  const name = whole ? 'raw ROLLBACK' : 'raw COMMIT after ROLLBACK TO'
  const write = truth.begin(name, ids.map(product), { doomed: whole })
  const part = truth.begin('raw ROLLBACK TO', ids.map(product), { doomed: true })
  const sql = 'UPDATE products SET price = ? WHERE id IN (SELECT value FROM json_each(?)) RETURNING id'
  const update = raw.prepare<[string, string], number>(sql).pluck()
  raw.exec('BEGIN IMMEDIATE')
  const touched = update.all(String(write.n), JSON.stringify(ids))
  raw.exec('SAVEPOINT part')
  update.all(String(part.n), JSON.stringify(ids))
  raw.exec(`DELETE FROM products WHERE id > 5; ROLLBACK TO part; ${whole ? 'ROLLBACK' : 'COMMIT'}`)
  finish(storm, part, [])
  finish(storm, write, touched.map(product))
}

const stock: Writer = (storm, random) => {
  const write = storm.truth.begin('raw UPDATE of stock', 'stock')
  run(storm, write, 'stock', 'UPDATE stock SET amount = ? WHERE id >= ? RETURNING id', write.n, random.below(8) + 1)
}

/** Gives a product the id of another one, which SQLite removes without firing a delete trigger. */
const renumber: Writer = (storm, random) => {
  const { raw, truth } = storm
  const [from, to] = random.shuffle([...someIds(storm, random, 1), random.below(STOCKED) + 1])
  if (from === to) return
  const removal = truth.begin('raw UPDATE of an id', [product(from!)], { removes: true })
  const move = truth.begin('raw UPDATE to an id', [product(to!)])
  const update = raw.prepare('UPDATE OR REPLACE products SET id = ?, price = ? WHERE id = ?')
  const { changes } = update.run(to, String(move.n), from)
  finish(storm, removal, changes === 0 ? [] : [product(from!)])
  finish(storm, move, changes === 0 ? [] : [product(to!)])
}

/** Moves the content of the WAL into the database file. */
const checkpoint: Writer = ({ raw, progress }) => {
  raw.pragma('wal_checkpoint(TRUNCATE)')
  progress.event('a checkpoint')
}

export const RAW_WRITERS: Writer[] = [
  updateOne, updateOne, updateAll, updateSome, replace, upsert, deleteOne, deleteAndInsert, rollBack, stock, renumber,
  checkpoint
]
