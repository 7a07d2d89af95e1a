import t from 'tap'
import { createClock, currentTime } from '../../../src/cache/util/clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A system clock that can be set, and the time of a process that runs on. */
function setUp () {
  let [system, monotonic] = [Date.UTC(2026, 0, 1), 12.5]
  const start = system
  const now = createClock(() => Math.floor(system), () => monotonic)
  return {
    /** Milliseconds since the start. */
    elapsed: () => now() - start,
    /** Milliseconds by which it is ahead of the system clock. */
    error: () => now() - Math.floor(system),
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

t.test('if the system clock is set back, the clock goes on a little slower, read lately or not', async (t) => {
  for (const gap of [0, 400, 12 * HOUR]) {
    const { elapsed, pass, set } = setUp()
    t.equal(elapsed(), 0)
    pass(gap)
    set(-6 * HOUR)
    t.equal(elapsed(), gap)
    pass(5 * MINUTE)
    const expected = gap + 0.95 * 5 * MINUTE
    t.equal(elapsed(), expected)
    set(6 * HOUR)
    t.equal(elapsed(), gap + 5 * MINUTE, 'it is right as soon as the system clock is')
    pass(1_000)
    t.equal(elapsed(), gap + 5 * MINUTE + 1_000)
  }
})

t.test('the clock is not ahead for good if the system clock was set forward by mistake', async (t) => {
  const { elapsed, error, pass, set } = setUp()
  elapsed()
  set(MINUTE)
  t.equal(elapsed(), MINUTE)
  set(-MINUTE)
  for (let minutes = 0; minutes < 20; minutes++) {
    t.ok(Math.abs(error() - MINUTE * (1 - minutes / 20)) <= 2)
    pass(MINUTE)
  }
  t.ok(error() <= 2)
  pass(HOUR)
  t.equal(error(), 0)
})

t.test('the clock never runs backwards, however the system clock is set, and is right again later', async (t) => {
  const { error, elapsed, pass, set } = setUp()
  let last = 0
  const check = () => {
    const now = elapsed()
    if (now < last) t.fail(`${last} was followed by ${now}`)
    last = now
  }
  for (let i = 1; i <= 50_000; i++) {
    pass((i * 739) % 3_000)
    if (i % 10 === 0) set((i * 7919) % 20_000 - 10_000)
    if (i % 7 === 0) set((i * 104_729) % 1_800 - 900) // less than what is noticed at once
    check()
    if (i % 1_000 > 0) continue
    pass(1_000 * HOUR)
    check()
    pass(MINUTE)
    t.equal(error(), 0)
  }
})

t.test('if the system clock is set forward, the clock follows', async (t) => {
  const { elapsed, set } = setUp()
  set(8 * HOUR)
  t.equal(elapsed(), 8 * HOUR)
})
