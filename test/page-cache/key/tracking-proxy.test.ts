import t from 'tap'
import { TrackingProxy } from '../../../src/page-cache/key/tracking-proxy.ts'

type Fields = Record<string, unknown>

class Recorder extends TrackingProxy<Fields> {
  readonly reads: string[] = []

  override recordRead (name: string): void {
    this.reads.push(name)
  }

  override recordAll (): void {
    this.reads.push('*')
  }
}

function track (own: Fields = { a: 1, b: 2 }) {
  const { shown, reads } = new Recorder(own)
  return { own, shown, reads }
}

t.test('each way to read a property is noticed, and shows what the object has', async (t) => {
  const ways: Array<[read: (shown: Fields) => unknown, expected: unknown, reads: string[]]> = [
    [(shown) => shown.a, 1, ['a']],
    [(shown) => 'a' in shown, true, ['a']],
    [(shown) => Object.hasOwn(shown, 'c'), false, ['c']],
    [(shown) => Reflect.ownKeys(shown), ['a', 'b'], ['*']],
    [(shown) => ({ ...shown }), { a: 1, b: 2 }, ['*', 'a', 'a', 'b', 'b']],
    [(shown) => Symbol.iterator in shown, false, []],
    [(shown) => shown[Symbol.iterator as unknown as string], undefined, []],
    [(shown) => Object.getPrototypeOf(shown), Object.prototype, []],
    [(shown) => shown instanceof Object, true, []]
  ]
  for (const [read, expected, reads] of ways) {
    const tracked = track()
    t.strictSame(read(tracked.shown), expected, String(read))
    t.strictSame(tracked.reads, reads, String(read))
  }
})

t.test('changes reach the object', async (t) => {
  const { own, shown } = track()
  shown.c = 3
  delete shown.a
  Object.defineProperty(shown, 'd', { value: 4, enumerable: true })
  Object.defineProperty(shown, 'b', { value: 5 })
  t.strictSame(own, { b: 5, c: 3, d: 4 })
  t.strictSame({ ...shown }, { b: 5, c: 3, d: 4 }, 'a fixed property is listed too')
  t.throws(() => { shown.d = 1 }, TypeError)
  t.throws(() => { Object.defineProperty(shown, 'd', { value: 1 }) }, TypeError)
  Object.setPrototypeOf(shown, null)
  t.equal(Object.getPrototypeOf(own), null)
  const child = Object.create(shown) as Fields
  child.b = 6
  t.strictSame([own.b, child.b], [5, 6], 'an object that inherits from the shown one has properties of its own')
})

t.test('the object can be frozen, sealed or kept from new properties', async (t) => {
  for (const restrict of [Object.freeze, Object.seal, Object.preventExtensions] as Array<(own: Fields) => unknown>) {
    const { own, shown } = track()
    restrict(shown)
    t.notOk(Object.isExtensible(own), restrict.name)
    t.strictSame({ ...shown }, { a: 1, b: 2 }, restrict.name)
    t.equal(Object.getPrototypeOf(shown), Object.prototype)
    t.throws(() => { shown.c = 3 }, TypeError)
  }
  const frozen = track()
  Object.freeze(frozen.shown)
  t.ok(Object.isFrozen(frozen.own))
  t.ok(Object.isFrozen(frozen.shown))
  t.throws(() => { delete frozen.shown.a }, TypeError)
  const closed = track()
  Object.preventExtensions(closed.shown)
  delete closed.shown.a
  closed.shown.b = 3
  t.strictSame({ ...closed.shown }, { b: 3 })
})

t.test('an object that is frozen already can be shown', async (t) => {
  const { shown } = track(Object.freeze({ a: 1, b: 2 }) as Fields)
  t.strictSame({ ...shown }, { a: 1, b: 2 })
  t.strictSame(Object.keys(shown), ['a', 'b'])
  t.throws(() => { shown.a = 3 }, TypeError)
  t.throws(() => { delete shown.a }, TypeError)
})
