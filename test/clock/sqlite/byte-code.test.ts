import t from 'tap'
import { ByteCode, type Instruction } from '../../../src/clock/sqlite/byte-code.ts'

/** Programs as SQLite does not compile them today, in which the rows are not certain. */
const program = (...instructions: Array<[opcode: string, p1: number, p2: number, p3?: number, p4?: string]>) =>
  instructions.map(([opcode, p1, p2, p3 = 0, p4 = ''], i): Instruction => [i, opcode, p1, p2, p3, p4])

const findValues = (...instructions: Parameters<typeof program>) =>
  new ByteCode(program(...instructions), () => undefined).findValues(1)

t.test('a range of an index is known if every row in it was checked against the value', async (t) => {
  const range = [
    ['Integer', 7, 2], ['SeekGE', 1, 9, 2, '1'], ['IdxGT', 1, 9, 2, '1'], ['Column', 1, 1, 3], ['Next', 1, 2]
  ] as const satisfies Parameters<typeof program>
  t.same(findValues(...range), [{ source: { constant: 7 }, through: [] }])
  t.equal(findValues(...range, ['Goto', 0, 2]), undefined, 'a jump into it')
  t.equal(findValues(...range, ['Jump', 0, 0, 1]), undefined, 'a jump past the value')
  t.equal(findValues(...range, ['Jump', 0, 2, 0]), undefined)
  t.equal(findValues(...range, ['Next', 1, 3]), undefined, 'a step past the check')
  t.equal(findValues(...range.slice(0, 3), ['Prev', 1, 2]), undefined, 'a step backwards')
  t.equal(findValues(...range, ['Rewind', 1, 9]), undefined, 'another move')
  t.equal(findValues(...range, ...range), undefined, 'two ranges')
  t.equal(findValues(['Integer', 7, 2], ['SeekGE', 1, 9, 2], ['IdxGT', 1, 9, 3]), undefined, 'another value')
  t.equal(findValues(['Integer', 7, 2], ['SeekGE', 1, 9, 2], ['IdxGT', 0, 9, 2]), undefined, 'another index')
  t.equal(findValues(['Null', 0, 2, 4], ...range.slice(1, 3)), undefined, 'a value that is not traced')
  t.equal(findValues(['Integer', 7, 2], ['InitCoroutine', 0, 9, 2], ...range.slice(1, 3)), undefined)
})

t.test('the number of a row to which an index led is not known', async (t) => {
  const code = (...more: Parameters<typeof program>) => new ByteCode(program(
    ['Integer', 7, 2], ['SeekRowid', 0, 9, 2], ...more, ['Rowid', 0, 4], ['SeekRowid', 5, 9, 4]
  ), () => undefined).findRows(5)
  t.same(code(), [{ source: { constant: 7 }, through: ['numeric'] }])
  t.equal(code(['DeferredSeek', 1, 0, 0]), undefined)
  t.equal(code(['NullRow', 0, 0]), undefined, 'or that may be missing')
})

t.test('the number of a row is not known if nothing moved the cursor to it', async (t) => {
  const code = new ByteCode(program(
    ['Integer', 7, 2], ['SeekRowid', 5, 9, 2], ['Rowid', 0, 4], ['SeekRowid', 5, 9, 4]
  ), () => undefined)
  t.equal(code.findRows(5), undefined)
  t.equal(code.findRows(0), undefined)
})
