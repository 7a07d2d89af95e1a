import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import t from 'tap'
import { computeValueSlot, convertValue, describeValue, writeValueSlot } from '../../../src/clock/sqlite/slots.ts'

const COLUMN = { name: 'v', affinity: 'text' } as const

const computeSlot = (text: string) => computeValueSlot(COLUMN, describeValue(text))

/** Opens a database, and returns a function that computes the slot of a text in SQL. */
function openDatabase (encoding: string): (text: string) => unknown {
  const connection = new Sqlite(':memory:')
  t.teardown(() => connection.close())
  connection.pragma(`encoding = '${encoding}'`)
  connection.exec('CREATE TABLE x (v TEXT)')
  const slot = connection.prepare(`SELECT ${writeValueSlot('x', COLUMN)} FROM x`).pluck()
  const insert = connection.prepare('INSERT INTO x VALUES (?)')
  return (text) => {
    connection.exec('DELETE FROM x')
    insert.run(text)
    return slot.get()
  }
}

const character = fc.oneof(fc.constantFrom(...'@@@0123456789+-. \t\r\n\v\feE\u00a0\u2003'.split('')),
  fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }))
const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''))

for (const encoding of ['UTF-8', 'UTF-16le']) {
  t.test(`queries compute the same slots of texts as triggers, in a database with ${encoding}`, async () => {
    const slotInSql = openDatabase(encoding)
    fc.assert(fc.property(text, (text) => {
      if (convertValue('text', text) !== undefined && slotInSql(text) !== computeSlot(text)) {
        throw new Error(`${slotInSql(text)} in place of ${computeSlot(text)}`)
      }
    }), { numRuns: 3_000 })
  })
}

t.test('queries compute the same slots as triggers for texts with a number at any place', async (t) => {
  const slotInSql = openDatabase('UTF-8')
  for (const text of ['@', '@1', '1@', '12@', '123@', '1234@', 'a1@', '@12', '-1@', '+12@', ' 12@', '\t1@', '- 1',
    '1.5', '1e3', '007', '00', '-', '+', '--1', '+-1', '1-2', '\u00a012', '0x1', '999', '-99', 'a@b@12', '١٢٣']) {
    t.equal(computeSlot(text), slotInSql(text), text)
  }
})

const pad = (i: number, width: number) => String(i).padStart(width, '0')

const PATTERNS: Array<(i: number) => string> = [
  (i) => `user-${pad(i, 6)}@example.com`,
  (i) => `user${i}@example.com`,
  (i) => `my-article-${i}`,
  (i) => `ABC-${pad(i, 5)}`,
  (i) => `+4930${1_000_000 + i * 37}`,
  (i) => new Date(Date.UTC(2026, 0, i)).toISOString().slice(0, 10)
]

t.test('most texts of one pattern have slots of their own', async (t) => {
  for (const pattern of PATTERNS) {
    const slots = new Set(Array.from({ length: 1_000 }, (_, i) => computeSlot(pattern(i))))
    t.ok(slots.size > 800, `${pattern(7)}: ${slots.size} of 1000`)
  }
})
