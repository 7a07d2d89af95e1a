import { addNotes, connect, newFile } from '../support/files.ts'
import type { Line } from '../support/table.ts'

const MILLION = 1_000_000
const TABLES = ['larder_clock', 'larder_slots']

/** What the clock itself takes after a million rows changed, and after a million others did. */
export function sizes (): Line[] {
  const connection = connect(newFile('size', 100))
  const rowsOf = (table: string) => connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number
  const pages = connection.prepare<[string], number>('SELECT sum(pgsize) FROM dbstat WHERE name = ?').pluck()
  const look = () => TABLES.map((table) => ({ rows: rowsOf(table), bytes: pages.get(table)! }))
  const say = ({ rows, bytes }: { rows: number, bytes: number }) => `${rows} rows, ${(bytes / 1024).toFixed(0)} KiB`

  addNotes(connection, 1, MILLION)
  const once = look()
  addNotes(connection, MILLION + 1, MILLION)
  const twice = look()
  connection.close()
  return TABLES.map((what, i) => ({
    what: `${what}: after 2,000,000 changed rows, after 1,000,000`,
    figure: say(twice[i]!),
    other: say(once[i]!),
    compared: `+${twice[i]!.rows - once[i]!.rows} rows`,
    target: 'bounded',
    met: twice[i]!.rows === once[i]!.rows && twice[i]!.bytes <= once[i]!.bytes * 1.1
  }))
}
