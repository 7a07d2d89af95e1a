import t from 'tap'
import { serializeArguments } from '../../../src/cache/entry/arguments.ts'

const bytes = [1, 2, 3, 4, 5, 6, 7, 8]

/** Lists of arguments that a function can tell apart. */
const DIFFERENT: unknown[][] = [
  [], [undefined], [null], [undefined, undefined], ['undefined'], ['null'], [''], [' '],
  [1], ['1'], [1n], ['1n'], [true], ['true'], [false], [0], [-0], [NaN], ['NaN'], [Infinity], [-Infinity], [0.1],
  [1, 2], ['1,2'], [[1, 2]], ['1', '2'], [[1], 2], [[1, [2]]], [[]], [[[]]], [['']], [[undefined]],
  [new Array(1)], [new Array(2)], [Object.assign([1], { a: 1 })], [Object.assign(new Array(2), { 1: 1 })],
  [[undefined, 1]], [Object.assign(new Array(1), { 1: 1, a: 1 })],
  [{}], [{ a: 1 }], [{ a: '1' }], [{ a: undefined }], [{ b: 1 }], [{ a: 1, b: 2 }], [{ a: { b: 1 } }],
  [{ 'a":1,"b': 2 }],
  [{ 0: 1 }], [JSON.parse('{ "__proto__": 1 }')], [{ a: [] }], [{ a: {} }], ['{"a":1}'],
  [new Map()], [new Map([['a', 1]])], [new Map([['a', '1']])], [new Map([['a', 1], ['b', 2]])],
  [new Map([['b', 2], ['a', 1]])], [new Map([[1, 'a']])], [new Map([[{ a: 1 }, 1]])], [[['a', 1]]],
  [new Set()], [new Set([1])], [new Set(['1'])], [new Set([1, 2])], [new Set([2, 1])], ['Set(1)'],
  [new Date(0)], [new Date(1)], [new Date(NaN)], ['Date(0)'], ['1970-01-01T00:00:00.000Z'],
  [/a/], [/a/g], [/a\//], ['/a/'],
  [new Uint8Array(bytes)], [Buffer.from(bytes)], [new Int8Array(bytes)], [new Uint8Array(bytes).buffer],
  [new DataView(new Uint8Array(bytes).buffer)], [new Float64Array(new Uint8Array(bytes).buffer)], [new Uint8Array(8)],
  ['\ud800'], ['\udc00'], ['\ufffd'], ['"'], ['\\'], ['\\"'], ['('], [')'],
  ['x'.repeat(5_000)], ['x'.repeat(5_001)], ['sha256:'], [Array(1_000).fill('x')]
]

t.test('arguments that a function can tell apart have different keys, which are well formed and short', async (t) => {
  const seen = new Map<string, unknown[]>()
  for (const args of DIFFERENT) {
    const text = serializeArguments(args)
    if (seen.has(text)) t.fail(text, { args, others: seen.get(text) })
    seen.set(text, args)
    if (!text.isWellFormed() || text.length > 500) t.fail('no valid key', { text })
    if (serializeArguments(structuredClone(args)) !== text && !Buffer.isBuffer(args[0])) t.fail('of a copy', { args })
  }
  t.equal(seen.size, DIFFERENT.length)
})

t.test('the order of the keys of an object, its prototype, and where bytes lie make no difference', async (t) => {
  const shared = { x: 1 }
  const inBuffer = new Uint8Array(new Uint8Array([0, ...bytes, 0]).buffer, 1, 8)
  const same: Array<[unknown, unknown]> = [
    [{ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 2 }, a: 1 }],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [[shared, shared], [{ x: 1 }, { x: 1 }]],
    [inBuffer, new Uint8Array(bytes)]
  ]
  for (const [one, other] of same) t.equal(serializeArguments([one]), serializeArguments([other]))
  t.equal(serializeArguments([7, 'en', { page: 2, sort: ['a'] }]), '7,"en",{"page":2,"sort":["a"]}')
})

t.test('an argument that is no plain data is refused, with its path', async (t) => {
  const circle: { self?: object } = {}
  circle.self = circle
  const refused: Array<[unknown, string]> = [
    [() => 1, 'arguments[0] cannot be a part of a key: it is a function. Convert it to plain data first.'],
    [[{ by: Symbol('x') }], 'arguments[0][0].by cannot be a part of a key: it is a symbol.'],
    [new URL('http://a'), 'arguments[0] cannot be a part of a key: it is an instance of URL.'],
    [{ get a () { return 1 } }, 'arguments[0].a cannot be a part of a key: it has a getter or setter.'],
    [circle, 'arguments cannot be a part of a key: an object contains itself.']
  ]
  for (const [argument, message] of refused) {
    const expected = { code: 'FST_ERR_LARDER_VALUE', message: new RegExp(escape(message)) }
    t.throws(() => serializeArguments([argument]), expected)
  }
})

function escape (text: string): string {
  return text.replace(/[.[\]()]/g, '\\$&')
}
