import fc from 'fast-check'
import t from 'tap'
import { Histogram, SCRAPED_BOUNDS } from '../../src/metrics/histogram.ts'

const record = (...durations: number[]) => {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

t.test('cumulative returns exact counts up to each scraped bound, bounds included', (t) => {
  const duration = fc.oneof(fc.double({ min: 0, max: 200, noNaN: true }), fc.constantFrom(...SCRAPED_BOUNDS))
  fc.assert(fc.property(fc.array(duration), (durations) => {
    const histogram = record(...durations)
    t.equal(histogram.count, durations.length)
    const buckets = [...histogram.cumulative()]
    t.same(buckets.map(({ bound }) => bound), SCRAPED_BOUNDS)
    return buckets.every(({ bound, count }) => count === durations.filter((duration) => duration <= bound).length)
  }))
  t.end()
})

t.test('quantile is exact to the width of a bucket', (t) => {
  const someDurations = fc.array(fc.double({ min: 1e-5, max: 89, noNaN: true }), { minLength: 1 })
  fc.assert(fc.property(someDurations, fc.constantFrom(0.5, 0.99, 1), (durations, fraction) => {
    const exact = durations.toSorted((a, b) => a - b)[Math.ceil(fraction * durations.length) - 1]!
    const estimate = record(...durations).quantile(fraction)!
    return estimate >= exact / 1.27 && estimate <= exact * 1.27
  }))
  t.end()
})

t.test('quantile of an empty histogram is undefined, and of longer durations the last bound', (t) => {
  t.equal(record().quantile(0.5), undefined)
  t.equal(record(1e6).quantile(0.5), 90)
  t.ok(record(0).quantile(0.99)! <= 1e-5)
  t.same([...record(1e6).cumulative()].at(-1), { bound: 50, count: 0 })
  t.end()
})

t.test('add subtracts an earlier copy with sign -1', (t) => {
  const before = record(1, 2)
  const since = new Histogram().add(record(1, 2, 3)).add(before, -1)
  t.equal(since.count, 1)
  t.equal(since.sum, 3)
  t.equal(since.quantile(1), 3)
  t.end()
})
