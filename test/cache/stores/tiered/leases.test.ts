import t from 'tap'
import { type Entry, memoryStore, type Store, tieredStore } from '../../../../src/cache/index.ts'
import type { LeaseResult } from '../../../../src/cache/stores/store.ts'
import { fakeClock } from '../../../support/clock.ts'
import { turn } from './set-up.ts'

/** A tiered store whose L2 has leases; the test decides what `acquire` returns. */
function setUp () {
  const { now } = fakeClock()
  const far = memoryStore({ now })
  const calls: unknown[] = []
  const results: Array<Entry | LeaseResult> = []
  const leasing: Store = {
    ...far,
    acquire (key, seen) {
      calls.push([key, seen])
      return results.shift()!
    }
  }
  const newEntry = (payload: number): Entry => ({
    payload: Uint8Array.of(payload),
    storedAt: now(),
    freshUntil: Infinity,
    staleUntil: Infinity,
    tags: [],
    stamp: ''
  })
  return { far, calls, results, newEntry, store: tieredStore({ near: memoryStore(), far: leasing, now }) }
}

t.test('the store has leases if L2 has', async (t) => {
  t.notOk('acquire' in tieredStore({ near: memoryStore(), far: memoryStore() }))
  t.ok('acquire' in setUp().store)
})

t.test('acquire() reads L2, and fills L1 with the newer entry that it returns', async (t) => {
  const { store, far, calls, results, newEntry } = setUp()
  const [seen, newer] = [newEntry(1), newEntry(2)]
  await far.set('key', seen)
  t.equal(await store.get('key'), seen)
  const result = { stale: seen }
  results.push(newer, result)
  t.equal(await store.acquire!('key', seen), newer)
  t.equal(store.get('key'), newer)
  t.equal(await store.acquire!('key', newer), result)
  t.strictSame(calls, [['key', seen], ['key', newer]])
  t.type(store.get('key'), Promise, 'an entry that the caller cannot use leaves L1')
})

t.test('fill() is seen at once, even if a read overlaps it', async (t) => {
  for (const outcome of ['stored', 'revoked'] as const) {
    const { store, far, results, newEntry } = setUp()
    const [old, filled] = [newEntry(1), newEntry(2)]
    await far.set('key', old)
    t.equal(await store.get('key'), old)
    const released: unknown[] = []
    results.push({
      stale: old,
      lease: {
        async fill (entry) {
          await far.set('key', entry)
          await turn()
          return outcome
        },
        release (...args) { released.push(args) }
      }
    })
    const result = await store.acquire!('key', old) as LeaseResult
    t.equal(result.stale, old)
    await result.lease!.release(7, null)
    t.strictSame(released, [[7, null]])
    const concurrent = store.get('key')
    t.equal(await result.lease!.fill(filled), outcome)
    t.equal(await concurrent, old)
    t.equal(await store.get('key'), filled)
  }
})
