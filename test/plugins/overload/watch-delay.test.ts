import { once } from 'node:events'
import t from 'tap'
import { watchDelay } from '../../../src/plugins/overload/index.ts'
import { block } from '../../support/block.ts'

t.test('a long block of the event loop is one interval, and the median of the next one is short', async (t) => {
  const intervals = new EventTarget()
  const medians: number[] = []
  const next = async () => {
    // The timer of the measurement does not keep the process alive.
    const alive = setInterval(() => {}, 1_000)
    await once(intervals, 'interval')
    clearInterval(alive)
  }
  const stop = watchDelay((median) => {
    medians.push(median)
    intervals.dispatchEvent(new Event('interval'))
  })
  await next()
  const before = medians.length
  block(2_200)
  await next()
  t.equal(medians.length, before + 1)
  await next()
  t.ok(medians.at(-1)! > 0 && medians.at(-1)! < 500, `${medians.at(-1)} ms`)
  stop()
})

t.test('while the event loop is blocked again and again, the median is long', async (t) => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const stop = watchDelay(resolve)
  block(600) // before the first measurement, of which there are few
  const blocks = setInterval(() => block(600), 1)
  const median = await promise
  clearInterval(blocks)
  stop()
  t.ok(median >= 500, `${median} ms`)
})
