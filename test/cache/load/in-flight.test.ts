import t from 'tap'
import { type InFlightLoad, InFlightLoads } from '../../../src/cache/load/in-flight.ts'
import { type LoadResult, ReadSet } from '../../../src/cache/index.ts'

/** Begins a flight that lands when it is told to. */
function begin (flights: InFlightLoads, key = 'key'): { flight: InFlightLoad, land: () => Promise<unknown>, crash: () => Promise<unknown> } {
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>()
  const flight = flights.start(key, { startedAt: 0, stamp: 'stamp', reads: new ReadSet(), result: undefined as never, revoked: false, lease: undefined, leaseUnavailable: false, released: undefined, stillCurrent: undefined }, () => promise)
  const settled = flight.result.catch((error) => error)
  return {
    flight,
    land: () => { resolve({ value: 1, stored: true }); return settled },
    crash: () => { reject(new Error('crashed')); return settled }
  }
}

t.test('get finds a load until it succeeds or fails', async (t) => {
  for (const end of ['land', 'crash'] as const) {
    const flights = new InFlightLoads()
    const begun = begin(flights)
    t.equal(flights.get('key'), begun.flight)
    t.equal(flights.get('other'), undefined)
    t.equal(flights.size, 1)
    await begun[end]()
    t.equal(flights.get('key'), undefined)
    t.equal(flights.size, 0)
    t.equal(begun.flight.revoked, false)
  }
})

t.test('get does not find a revoked load, but the next one', async (t) => {
  const flights = new InFlightLoads()
  const first = begin(flights)
  flights.revoke('key')
  flights.revoke('nothing')
  t.equal(first.flight.revoked, true)
  t.equal(flights.get('key'), undefined)
  const second = begin(flights)
  await first.land()
  t.equal(flights.get('key'), second.flight)
  t.equal(second.flight.revoked, false)
  await second.land()
  t.equal(flights.size, 0)
})

t.test('get finds the latest load of a key; start revokes the others', async (t) => {
  for (const end of ['land', 'crash'] as const) {
    const flights = new InFlightLoads()
    const begun = [begin(flights), begin(flights), begin(flights)] as const
    t.equal(flights.get('key'), begun[2].flight)
    t.equal(flights.size, 3)
    t.strictSame(begun.map(({ flight }) => flight.revoked), [true, true, false])
    await begun[1][end]()
    t.equal(flights.get('key'), begun[2].flight)
    t.equal(begun[2].flight.revoked, false)
    await Promise.all(begun.map(({ land }) => land()))
    t.equal(flights.size, 0)
  }
})

t.test('revokeAll revokes the loads of every key', async (t) => {
  const flights = new InFlightLoads()
  const begun = [begin(flights, 'a'), begin(flights, 'b'), begin(flights, 'b')]
  flights.revokeAll()
  t.strictSame(begun.map(({ flight }) => flight.revoked), [true, true, true])
  t.equal(flights.get('a') ?? flights.get('b'), undefined)
  await Promise.all(begun.map(({ land }) => land()))
})

t.test('revokeAll with a prefix revokes the loads of keys that begin with it', async (t) => {
  const flights = new InFlightLoads()
  const begun = ['a', 'a:', 'a:b', 'b', 'ba:'].map((key) => begin(flights, key))
  flights.revokeAll('a:')
  t.strictSame(begun.map(({ flight }) => flight.revoked), [false, true, true, false, false])
  t.equal(flights.get('a'), begun[0]!.flight)
  t.equal(flights.get('a:b'), undefined)
  await Promise.all(begun.map(({ land }) => land()))
})
