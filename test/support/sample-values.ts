/* Values for tests of what a cache returns. */

class Product { title = 'cheese' }

function detached (): ArrayBuffer {
  const buffer = new ArrayBuffer(8)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

function cyclic (): object {
  const value: { list: unknown[], self?: unknown } = { list: [1] }
  value.self = value
  value.list.push(value.list)
  return value
}

/** A tree of this many levels. */
export function nested (levels: number, leaf: unknown): unknown {
  let value = leaf
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

const shared = { a: 1 }
const sparse: unknown[] = []
sparse[4_000_000_000] = 'far'
const withHole = [1, 2, 3]
delete withHole[1]

function withGetter (array: unknown[], key: string | number): unknown[] {
  let reads = 0
  return Object.defineProperty(array, key, { get: () => ++reads, enumerable: true })
}

function withSetter (array: unknown[], key: number): unknown[] {
  const setter = { get: undefined, set () {}, enumerable: true }
  return Object.defineProperty(array, key, setter as unknown as PropertyDescriptor)
}

function disguised (object: object, prototype: object | null = Object.prototype) {
  return [[Object.setPrototypeOf(object, prototype)], 'value[0]', 'has not the prototype of its type'] as const
}

/** Values that a cache returns as they are. */
export const EXACT_VALUES: Record<string, unknown> = {
  null: null,
  false: false,
  'an empty string': '',
  'a string with NUL': 'a\0b',
  'a lone surrogate': ['\ud800', '\udfff\ud800', { '\udc00': 1 }],
  'a long string in Latin-1': 'café '.repeat(1000),
  'a long string': { text: 'žluťoučký 🐴 \ud800 '.repeat(1000) },
  'zero and -0': [0, -0, { a: -0 }],
  '-0': -0,
  'numbers that JSON lacks': [NaN, Infinity, -Infinity, 5e-324, 2 ** 53 + 2],
  NaN,
  'a bigint': [1n, -(2n ** 63n), 2n ** 64n, 2n ** 3000n],
  undefined: [undefined, { a: undefined }],
  'an array with holes': [withHole, sparse, new Array(5)],
  'an array with other properties': 'a1'.match(/(?<digit>\d)/),
  'a date': [new Date(0), new Date(-1.5), new Date(8.64e15), new Date(NaN)],
  'a map with keys of any kind': new Map<unknown, unknown>([
    [1, 'number'], ['1', 'string'], [{ a: 1 }, 'object'], [{ a: 1 }, 'another'], [NaN, -0], [null, undefined],
    [undefined, new Map([[new Date(5), 1]])]
  ]),
  'a set': new Set<unknown>([1, '1', NaN, [1], [1], new Set([undefined])]),
  'a regular expression': [/a(?<b>c)/dgimsuy, /[\p{L}--a]/v],
  'a Buffer': [Buffer.from('bytes'), Buffer.alloc(0)],
  'an ArrayBuffer': [new ArrayBuffer(0), Uint8Array.of(1, 2).buffer],
  'typed arrays': [
    Uint8Array.of(1, 2), Int8Array.of(-1), Uint8ClampedArray.of(300), Int16Array.of(-2), Uint16Array.of(65535),
    Int32Array.of(-3), Uint32Array.of(2 ** 32 - 1), Float32Array.of(1.5, NaN), Float64Array.of(-0, 0.1),
    BigInt64Array.of(-1n), BigUint64Array.of(2n ** 64n - 1n)
  ],
  'a part of a buffer': [new Float64Array(new ArrayBuffer(64), 16, 2), new Uint8Array(new ArrayBuffer(9), 1)],
  'a DataView': [new DataView(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2)],
  'an object without a prototype': { rows: [Object.assign(Object.create(null), { a: Object.create(null) })] },
  'an own key __proto__': JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":null}}'),
  'keys of methods': { constructor: 1, toString: 2, hasOwnProperty: 3, toJSON: 4, 7: 5, '': 6 },
  'a frozen object': Object.freeze({ list: Object.freeze([1]) }),
  'a cycle': cyclic(),
  'an object twice': [shared, shared],
  'a tree of 100 levels': nested(100, 1),
  'a tree of 500 levels': nested(500, 1),
  'a tree of 500 levels that is not JSON': nested(500, -0),
  ...typeof Float16Array === 'function' && { 'a Float16Array': Float16Array.of(0.5, -0) }
}

/** Values that a cache refuses, with the path that the error names, and the reason that it states. */
export const REFUSED_VALUES: Record<string, readonly [value: unknown, path: string, reason: string]> = {
  'a function': [() => 1, 'value', 'is a function'],
  'a symbol': [{ a: Symbol('s') }, 'value.a', 'is a symbol'],
  'a function in a list': [{ items: [1, 2, 3, { price: () => 1 }] }, 'value.items[3].price', 'is a function'],
  'a name with a space': [{ 'a b': [{ '"': () => 1 }] }, 'value["a b"][0]["\\""]', 'is a function'],
  'a function after holes': [Object.assign(new Array(2), { 2: () => 1 }), 'value[2]', 'is a function'],
  'a function beside the items of an array': [Object.assign([1], { f: () => 1 }), 'value.f', 'is a function'],
  'a value of a map': [new Map([['a', { b: () => 1 }]]), 'value.get("a").b', 'is a function'],
  'a value of a map at a number': [new Map<number, unknown>([[1, 1], [2, { a: () => 1 }]]),
    'value.values()[1].a', 'is a function'],
  'a key of a map': [new Map([[() => 1, 1]]), 'value.keys()[0]', 'is a function'],
  'an item of a set': [{ s: new Set([1, () => 1]) }, 'value.s.values()[1]', 'is a function'],
  'a key that is a symbol': [{ a: { [Symbol('s')]: 1 } }, 'value.a', 'has a symbol as a key'],
  'an array with a symbol': [Object.assign([1], { [Symbol('s')]: 1 }), 'value', 'has a symbol as a key'],
  'a getter': [{ get a () { return 1 } }, 'value.a', 'has a getter or setter'],
  'a getter with a setter': [{ get a () { return 1 }, set a (value) {} }, 'value.a', 'has a getter or setter'],
  'a property that is not enumerable': [Object.defineProperty({}, 'a', { value: 1 }), 'value.a', 'is not enumerable'],
  'a getter in an array': [{ list: withGetter([1, 2], 1) }, 'value.list[1]', 'has a getter or setter'],
  'a setter in an array': [withSetter([1, 2], 0), 'value[0]', 'has a getter or setter'],
  'a getter in an array with holes': [withGetter(new Array(2), 2), 'value[2]', 'has a getter or setter'],
  'a getter beside the items of an array': [withGetter([1], 'sum'), 'value.sum', 'has a getter or setter'],
  'an item of an array that is not enumerable': [
    Object.defineProperty([1, 2], 1, { enumerable: false }), 'value[1]', 'is not enumerable'
  ],
  'a hidden property of an array': [((strings: TemplateStringsArray) => strings)`a`, 'value.raw', 'is not enumerable'],
  'an item beyond a hole and a hidden property': [
    Object.defineProperty(new Array(1), 'a', { value: 1 }), 'value.a', 'is not enumerable'
  ],
  'a method toJSON': [{ toJSON: () => 1 }, 'value.toJSON', 'is a function'],
  'an instance of a class': [[new Product()], 'value[0]', 'is an instance of Product'],
  'an instance of a class without a name': [new class {}(), 'value', 'is an instance of a class'],
  'an object with another prototype': [Object.create({ a: 1 }), 'value', 'is an instance of a class'],
  'an object that only seems to be a date': [Object.create(Date.prototype), 'value', 'is an instance of Date'],
  'a subclass of Array': [new class List extends Array {}(), 'value', 'is an instance of List'],
  'a subclass of Map': [new class Index extends Map {}(), 'value', 'is an instance of Index'],
  'a subclass of Uint8Array': [new class Bytes extends Uint8Array {}(), 'value', 'is an instance of Bytes'],
  'a date with a property': [Object.assign(new Date(), { a: 1 }), 'value', 'has properties of its own'],
  'a map with a property': [Object.assign(new Map(), { a: 1 }), 'value', 'has properties of its own'],
  'a set with a property': [Object.assign(new Set(), { a: 1 }), 'value', 'has properties of its own'],
  'a buffer with a property': [Object.assign(new ArrayBuffer(1), { a: 1 }), 'value', 'has properties of its own'],
  'bytes with a property': [Object.assign(Buffer.from('a'), { a: 1 }), 'value', 'has properties of its own'],
  'an Error': [{ reason: new TypeError('no') }, 'value.reason', 'is an instance of TypeError'],
  'an AggregateError': [new AggregateError([]), 'value', 'is an instance of AggregateError'],
  'a URL': [{ url: new URL('http://host/') }, 'value.url', 'is an instance of URL'],
  'a URLSearchParams': [new URLSearchParams('a=1'), 'value', 'is an instance of URLSearchParams'],
  'a Headers': [new Headers({ a: '1' }), 'value', 'is an instance of Headers'],
  'a Promise': [{ a: Promise.resolve(1) }, 'value.a', 'is an instance of Promise'],
  'a WeakMap': [new WeakMap(), 'value', 'is an instance of WeakMap'],
  'a boxed number': [Object(1), 'value', 'is an instance of Number'],
  'a boxed string': [Object('a'), 'value', 'is an instance of String'],
  'a generator': [(function * () {})(), 'value', 'is an instance of a class'],
  'a regular expression in use': [Object.assign(/a/g, { lastIndex: 3 }), 'value', 'has a lastIndex that is not 0'],
  'a date without its prototype': disguised(new Date(5)),
  'a number without its prototype': disguised(Object(5)),
  'an array without its prototype': disguised([1, 2]),
  'bytes without their prototype': disguised(Uint8Array.of(1, 2)),
  'a map without its prototype': disguised(new Map([[1, 2]])),
  'a set without its prototype': disguised(new Set([1]), null),
  'a promise without its prototype': disguised(Promise.resolve(1)),
  'an ArrayBuffer without its prototype': disguised(new ArrayBuffer(5)),
  'a Proxy': [{ a: new Proxy({}, {}) }, 'value.a', 'is a Proxy'],
  'shared memory': [new SharedArrayBuffer(1), 'value', 'is an instance of SharedArrayBuffer'],
  'a view of shared memory': [new Uint8Array(new SharedArrayBuffer(1)), 'value', 'is shared memory'],
  'a detached ArrayBuffer': [detached(), 'value', 'is a detached ArrayBuffer'],
  'a resizable ArrayBuffer': [new ArrayBuffer(1, { maxByteLength: 2 }), 'value', 'is a resizable ArrayBuffer'],
  'a tree of 501 levels': [nested(501, 1), `value${'[0].a'.repeat(60)}…`, 'is nested more than 500 levels deep']
}
