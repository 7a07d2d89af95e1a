import t from 'tap'
import { type InFlightLoad, InFlightLoads } from '../../../src/cache/load/in-flight.ts'
import { type LoadResult, memoryVersions, ReadSet } from '../../../src/cache/index.ts'

/** Starts a load that ends when the test says so. */
function start (inFlight: InFlightLoads, key = 'key') {
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>()
  const load: InFlightLoad = {
    versions: memoryVersions(),
    startedAt: 0,
    stamp: 'stamp',
    reads: new ReadSet(),
    result: undefined as never,
    revoked: false,
    lease: undefined,
    leaseUnavailable: false,
    leaseHeld: undefined,
    stillCurrent: undefined,
    callers: 0,
    controller: undefined,
    joined: false,
    ended: false,
    waiters: new Set()
  }
  inFlight.start(key, load, () => promise)
  const settled = load.result.catch((error) => error as unknown)
  return {
    load,
    succeed: () => { resolve({ value: 1, stored: true }); return settled },
    fail: () => { reject(new Error('failed')); return settled }
  }
}

t.test('get finds a load until it succeeds or fails', async (t) => {
  for (const end of ['succeed', 'fail'] as const) {
    const inFlight = new InFlightLoads()
    const started = start(inFlight)
    t.equal(inFlight.get('key'), started.load)
    t.equal(inFlight.get('other'), undefined)
    t.equal(inFlight.size, 1)
    await started[end]()
    t.equal(inFlight.get('key'), undefined)
    t.equal(inFlight.size, 0)
    t.equal(started.load.revoked, false)
  }
})

t.test('get does not find a revoked load, but the next one', async (t) => {
  const inFlight = new InFlightLoads()
  const first = start(inFlight)
  inFlight.revoke('key')
  inFlight.revoke('nothing')
  t.equal(first.load.revoked, true)
  t.equal(inFlight.get('key'), undefined)
  const second = start(inFlight)
  await first.succeed()
  t.equal(inFlight.get('key'), second.load)
  t.equal(second.load.revoked, false)
  await second.succeed()
  t.equal(inFlight.size, 0)
})

t.test('get finds the latest load of a key; start revokes the others', async (t) => {
  for (const end of ['succeed', 'fail'] as const) {
    const inFlight = new InFlightLoads()
    const started = [start(inFlight), start(inFlight), start(inFlight)] as const
    t.equal(inFlight.get('key'), started[2].load)
    t.equal(inFlight.size, 3)
    t.strictSame(started.map(({ load }) => load.revoked), [true, true, false])
    await started[1][end]()
    t.equal(inFlight.get('key'), started[2].load)
    t.equal(started[2].load.revoked, false)
    await Promise.all(started.map(({ succeed }) => succeed()))
    t.equal(inFlight.size, 0)
  }
})

t.test('revokeAll revokes the loads of every key', async (t) => {
  const inFlight = new InFlightLoads()
  const started = [start(inFlight, 'a'), start(inFlight, 'b'), start(inFlight, 'b')]
  inFlight.revokeAll()
  t.strictSame(started.map(({ load }) => load.revoked), [true, true, true])
  t.equal(inFlight.get('a') ?? inFlight.get('b'), undefined)
  await Promise.all(started.map(({ succeed }) => succeed()))
})

t.test('revokeAll with a prefix revokes the loads of keys that begin with it', async (t) => {
  const inFlight = new InFlightLoads()
  const started = ['a', 'a:', 'a:b', 'b', 'ba:'].map((key) => start(inFlight, key))
  inFlight.revokeAll('a:')
  t.strictSame(started.map(({ load }) => load.revoked), [false, true, true, false, false])
  t.equal(inFlight.get('a'), started[0]!.load)
  t.equal(inFlight.get('a:b'), undefined)
  await Promise.all(started.map(({ succeed }) => succeed()))
})
