import t from 'tap'
import { MAX_DEPTH, MAX_VALUES, type Outcome, parseBody } from '../../../src/plugins/json-bodies/parse.ts'
import { compileBody } from '../../../src/plugins/validation.ts'

/* What the thread does with a body, without the thread. */

const validate = compileBody({ anyOf: [{ type: 'object' }, { type: 'array' }] })

function parse (body: string | Buffer, isValidated = true) {
  const batches: unknown[][] = []
  const validator = isValidated ? validate : undefined
  const outcome: Outcome = parseBody(Buffer.from(body), validator, (batch) => batches.push(batch))
  return { ...outcome, received: batches }
}

t.test('a body that is valid is its value, and an array is sent in batches', async (t) => {
  t.same(parse('{"a":"[[{\\"]]"}'), { type: 'value', body: { a: '[[{"]]' }, received: [] })
  t.same(parse('7', false), { type: 'value', body: 7, received: [] })
  const many = Array.from({ length: 600 }, (_, i) => i)
  const { type, received } = parse(JSON.stringify(many))
  t.equal(type, 'array')
  t.same(received.map(({ length }) => length), [250, 250, 100])
  t.same(received.flat(), many)
})

t.test('a body that is not valid has the errors of its schema', async (t) => {
  t.match(parse('7'), { type: 'invalid', errors: [{ keyword: 'type' }, { keyword: 'type' }, { keyword: 'anyOf' }] })
})

t.test('a body that is no JSON, no UTF-8, too large or too complex is refused', async (t) => {
  t.equal(parse('{').type, 'not-json')
  t.equal(parse('{"__proto__":1}').type, 'not-json')
  t.equal(parse(Buffer.from([0x22, 0xff, 0x22])).type, 'not-utf8')
  t.equal(parse(JSON.stringify({ text: 'x'.repeat(1024 * 1024) })).type, 'too-large')
  t.equal(parse('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH)).type, 'array')
  t.equal(parse('['.repeat(MAX_DEPTH + 1) + ']'.repeat(MAX_DEPTH + 1)).type, 'too-complex')
  t.equal(parse(`[${'1,'.repeat(MAX_VALUES)}1]`).type, 'too-complex')
  t.equal(parse(`[${'{"a":1},'.repeat(MAX_VALUES / 2)}{}]`).type, 'too-complex')
})
