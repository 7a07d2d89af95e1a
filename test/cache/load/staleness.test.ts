import t from 'tap'
import type { Entry } from '../../../src/cache/index.ts'
import {
  mayRefresh, mayServeStale, nextRetry, servesStaleAtOnce, shouldRefreshEarly
} from '../../../src/cache/load/staleness.ts'

const NOW = 1_800_000_000_000

/** An entry that expired so many seconds ago, or will expire if they are negative. */
function expired (seconds: number, more: Partial<Entry> = {}): Entry {
  return {
    payload: Uint8Array.of(1),
    storedAt: 0,
    freshUntil: NOW - seconds * 1000,
    staleUntil: Infinity,
    tags: [],
    stamp: '',
    ...more
  }
}

const failedUntil = (at: number, failures = 1) => ({ retry: { failures, at } })

t.test('mayServeStale: for so many seconds after the freshness lifetime', async (t) => {
  for (const [stale, seconds, expected] of [
    [undefined, 10, false],
    [expired(5), undefined, false],
    [expired(5), 0, false],
    [expired(5), 5, false],
    [expired(5), 5.001, true],
    [expired(0), 0.001, true],
    [expired(5, { freshUntil: Infinity }), 0, true]
  ] as const) t.equal(mayServeStale(stale, seconds, NOW), expected, `${stale?.freshUntil} ${seconds}`)
})

t.test('mayRefresh: unless a load has failed and its next attempt is due later', async (t) => {
  t.equal(mayRefresh(expired(0), NOW), true)
  t.equal(mayRefresh(expired(0, failedUntil(NOW + 1)), NOW), false)
  t.equal(mayRefresh(expired(0, failedUntil(NOW)), NOW), true)
})

t.test('servesStaleAtOnce: within staleWhileRevalidate, or within staleIfError while no attempt is due', async (t) => {
  const backingOff = failedUntil(NOW + 1)
  for (const [stale, windows, expected] of [
    [undefined, { staleWhileRevalidate: 10 }, false],
    [expired(5), {}, false],
    [expired(5), { staleWhileRevalidate: 10 }, true],
    [expired(5), { staleWhileRevalidate: 5 }, false],
    [expired(5), { staleIfError: 10 }, false],
    [expired(5, backingOff), { staleIfError: 10 }, true],
    [expired(5, backingOff), { staleIfError: 5 }, false],
    [expired(5, backingOff), { staleWhileRevalidate: 5, staleIfError: 10 }, true],
    [expired(5, failedUntil(NOW)), { staleIfError: 10 }, false]
  ] as const) t.equal(servesStaleAtOnce(stale, windows, NOW), expected, JSON.stringify([stale?.retry, windows]))
})

t.test('nextRetry: after 1 s, doubled with each failure, at most 60 s', async (t) => {
  t.strictSame(nextRetry(expired(0), NOW), { failures: 1, at: NOW + 1_000 })
  for (const [failures, seconds] of [[1, 2], [2, 4], [5, 32], [6, 60], [1_000, 60]] as const) {
    t.strictSame(nextRetry(expired(0, failedUntil(NOW, failures)), NOW), {
      failures: failures + 1, at: NOW + seconds * 1000
    })
  }
})

t.test('shouldRefreshEarly: the likelier, the nearer the end and the longer the load', async (t) => {
  const e = (power: number) => () => Math.exp(power)
  for (const [left, loadMs, random, expected] of [
    [10, undefined, e(-100), false], // not loaded, or at once
    [10, 1_000, e(-10.01), true],
    [10, 1_000, e(-9.99), false],
    [10.001, 1_000, e(-100), false], // more than ten load times
    [1, 1_000, e(-0.99), false],
    [1, 1_000, e(-1.01), true],
    [1, 2_000, e(-0.51), true],
    [0, 1_000, () => 0.999, true]
  ] as const) {
    t.equal(
      shouldRefreshEarly(expired(-left, { loadMs }), NOW, random), expected, `${left} s left, load of ${loadMs} ms`
    )
  }
  const failed = expired(-1, { loadMs: 1_000, ...failedUntil(NOW + 1) })
  t.equal(shouldRefreshEarly(failed, NOW, e(-100)), false, 'a load has just failed')
  t.equal(
    shouldRefreshEarly(expired(-1, { loadMs: 1_000, freshUntil: Infinity }), NOW, e(-100)), false, 'it never expires'
  )
})
