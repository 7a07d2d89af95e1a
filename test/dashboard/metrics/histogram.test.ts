import fc from 'fast-check'
import t from 'tap'
import { Histogram, SCRAPED_BOUNDS } from '../../../src/dashboard/metrics/histogram.ts'

const of = (...durations: number[]) => {
  const histogram = new Histogram()
  for (const duration of durations) histogram.record(duration)
  return histogram
}

t.test('counts below each bound are exact, bounds included', (t) => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.double({ min: 0, max: 200, noNaN: true }), fc.constantFrom(...SCRAPED_BOUNDS))), (durations) => {
    const histogram = of(...durations)
    t.equal(histogram.count, durations.length)
    const buckets = [...histogram.cumulative()]
    t.same(buckets.map(({ bound }) => bound), SCRAPED_BOUNDS)
    return buckets.every(({ bound, count }) => count === durations.filter((duration) => duration <= bound).length)
  }))
  t.end()
})

t.test('quantiles are of the bucket in which they are', (t) => {
  fc.assert(fc.property(fc.array(fc.double({ min: 1e-5, max: 89, noNaN: true }), { minLength: 1 }), fc.constantFrom(0.5, 0.99, 1), (durations, part) => {
    const exact = durations.toSorted((a, b) => a - b)[Math.ceil(part * durations.length) - 1]!
    const told = of(...durations).quantile(part)!
    return told >= exact / 1.27 && told <= exact * 1.27
  }))
  t.end()
})

t.test('what is out of all bounds, and nothing', (t) => {
  t.equal(of().quantile(0.5), undefined)
  t.equal(of(1e6).quantile(0.5), 90)
  t.ok(of(0).quantile(0.99)! <= 1e-5)
  t.same([...of(1e6).cumulative()].at(-1), { bound: 50, count: 0 })
  t.end()
})

t.test('what came since is what is there without what was there', (t) => {
  const before = of(1, 2)
  const since = new Histogram().add(of(1, 2, 3)).add(before, -1)
  t.equal(since.count, 1)
  t.equal(since.sum, 3)
  t.equal(since.quantile(1), 3)
  t.end()
})
