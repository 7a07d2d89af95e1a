import t from 'tap'
import { createClock, currentTime } from '../../../src/cache/util/clock.ts'

const HOUR = 3_600_000

/** A system clock that can be set, and the time of a process that runs on. */
function setUp () {
  let [system, monotonic] = [Date.UTC(2026, 0, 1), 12.5]
  const start = system
  const now = createClock(() => Math.floor(system), () => monotonic)
  return {
    /** Milliseconds since the start. */
    elapsed: () => now() - start,
    pass (ms: number) { system += ms; monotonic += ms },
    set (ms: number) { system += ms }
  }
}

t.test('the clock runs with the system clock', async (t) => {
  const { elapsed, pass } = setUp()
  for (let ms = 0; ms < 5_000; ms += 250.5) {
    t.equal(elapsed(), Math.floor(ms))
    pass(250.5)
  }
  const before = Date.now()
  const time = currentTime()
  t.ok(time >= before && time <= Date.now())
})

t.test('if the system clock is set back, the clock goes on, whether it was read lately or not', async (t) => {
  for (const gap of [0, 400, 12 * HOUR]) {
    const { elapsed, pass, set } = setUp()
    t.equal(elapsed(), 0)
    pass(gap)
    set(-6 * HOUR)
    t.equal(elapsed(), gap)
    pass(5 * 60_000)
    t.equal(elapsed(), gap + 5 * 60_000)
    set(6 * HOUR)
    pass(1_000)
    t.equal(elapsed(), gap + 5 * 60_000 + 1_000, 'and when it is set right again')
  }
})

t.test('if the system clock is set forward, the clock follows', async (t) => {
  const { elapsed, set } = setUp()
  set(8 * HOUR)
  t.equal(elapsed(), 8 * HOUR)
})
