import { addNotes, connect, newFile } from '../support/files.ts'
import type { Line } from '../support/table.ts'

const MILLION = 1_000_000
const TABLES = ['larder_clock', 'larder_slots']

/** Measures the size of the clock after changes of a million rows, and of a million others. */
export async function sizes (): Promise<Line[]> {
  const connection = connect(await newFile('size', 100))
  const countRows = (table: string) => connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  const pages = connection.prepare<[string], number>('SELECT sum(pgsize) FROM dbstat WHERE name = ?').pluck()
  const read = () => TABLES.map((table) => ({ rows: countRows(table), bytes: pages.get(table)! }))
  const format = ({ rows, bytes }: { rows: number, bytes: number }) => `${rows} rows, ${(bytes / 1024).toFixed(0)} KiB`

  addNotes(connection, 1, MILLION)
  const once = read()
  addNotes(connection, MILLION + 1, MILLION)
  const twice = read()
  connection.close()
  return TABLES.map((what, i) => ({
    what: `${what}: after 2,000,000 changed rows, after 1,000,000`,
    figure: format(twice[i]!),
    other: format(once[i]!),
    compared: `+${twice[i]!.rows - once[i]!.rows} rows`,
    target: 'bounded',
    met: twice[i]!.rows === once[i]!.rows && twice[i]!.bytes <= once[i]!.bytes * 1.1
  }))
}
