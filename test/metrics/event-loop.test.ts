import t from 'tap'
import { EventLoop } from '../../src/metrics/event-loop.ts'
import { block } from '../support/block.ts'

/** Waits until the timers of Node have run again. */
const turn = async () => await new Promise((resolve) => setTimeout(resolve, 50))

t.test('the longest delay and the utilisation grow while the event loop is blocked', async (t) => {
  const eventLoop = new EventLoop()
  t.teardown(() => eventLoop.close())
  await turn()
  block(300)
  await turn()
  const { p50, p99, max, utilization } = eventLoop.figures
  t.ok(max > 0.25, `${max} s`)
  t.ok(p50 >= 0 && p50 <= p99 && p99 <= max, `${p50} <= ${p99} <= ${max}`)
  t.ok(utilization > 0.3 && utilization <= 1, `${utilization}`)
})

t.test('the figures are those of the last interval that is over', async (t) => {
  const eventLoop = new EventLoop()
  t.teardown(() => eventLoop.close())
  await turn()
  block(300)
  await turn()
  eventLoop.roll()
  const first = eventLoop.figures
  t.ok(first.max > 0.25, `${first.max} s`)
  await turn()
  block(600)
  await turn()
  t.equal(eventLoop.figures, first, 'the next interval is not over')
  eventLoop.roll()
  t.ok(eventLoop.figures.max > 0.55, `${eventLoop.figures.max} s`)
})

t.test('an interval takes five seconds', async (t) => {
  const { setImmediate } = globalThis
  t.clock.enter()
  const eventLoop = new EventLoop()
  let rolls = 0
  eventLoop.roll = () => { rolls++ }
  t.clock.advance(4_999)
  t.equal(rolls, 0)
  t.clock.advance(2)
  t.clock.exit()
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(rolls, 1)
  eventLoop.close()
})

t.test('without a measurement, the delays are 0', (t) => {
  const eventLoop = new EventLoop()
  eventLoop.close()
  t.match(eventLoop.figures, { p50: 0, p99: 0, max: 0 })
  t.end()
})
