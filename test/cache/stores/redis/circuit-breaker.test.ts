import t, { type Test } from 'tap'
import { CircuitBreaker } from '../../../../src/cache/stores/redis/circuit-breaker.ts'

/** A circuit breaker under fake time, and everything that it reports. */
function setUp (t: Test) {
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  /** The results of the next probes; `true` if there is none. */
  const probes: Array<boolean | Promise<boolean>> = []
  const reports: Array<string | true> = []
  const counts = { probes: 0, opened: 0 }
  const circuit = new CircuitBreaker({
    async probe () {
      counts.probes++
      return await (probes.shift() ?? true)
    },
    onOpen: () => { counts.opened++ },
    onStateChange: (up, reason) => { reports.push(up || reason!.message) }
  })
  t.teardown(() => circuit.dispose())
  /** Moves time on, and lets the results of probes arrive. */
  const advance = async (ms: number) => {
    t.clock.advance(ms)
    await settle()
  }
  return { circuit, probes, reports, counts, advance }
}

/** Waits for promises, which fake time does not touch. */
async function settle (): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined
}

t.test('the circuit opens after three failures in a row, and reports that once', async (t) => {
  const { circuit, reports, counts } = setUp(t)
  circuit.failure(new Error('1'))
  circuit.failure(new Error('2'))
  circuit.success()
  circuit.failure(new Error('3'))
  circuit.failure(new Error('4'))
  t.equal(circuit.isOpen, false)
  circuit.failure(new Error('5'))
  t.equal(circuit.isOpen, true)
  t.match(circuit.reason, { message: '5' })
  circuit.failure(new Error('in flight when it opened'))
  t.match(circuit.reason, { message: '5' })
  t.strictSame(reports, ['5'])
  t.equal(counts.opened, 1)
})

t.test('the open circuit is probed every 250 ms, and closes when a probe succeeds', async (t) => {
  const { circuit, probes, reports, counts, advance } = setUp(t)
  for (const reason of ['1', '2', '3']) circuit.failure(new Error(reason))
  probes.push(false, false)
  await advance(249)
  t.equal(counts.probes, 0)
  await advance(1)
  t.equal(counts.probes, 1)
  await advance(250)
  t.equal(counts.probes, 2)
  t.equal(circuit.isOpen, true)
  await advance(250)
  t.equal(counts.probes, 3)
  t.equal(circuit.isOpen, false)
  t.equal(circuit.reason, undefined)
  t.strictSame(reports, ['3', true])
  await advance(10_000)
  t.equal(counts.probes, 3, 'a closed circuit is not probed')
  circuit.failure(new Error('4'))
  circuit.failure(new Error('5'))
  t.equal(circuit.isOpen, false, 'failures are counted anew')
})

t.test('probe() does not wait for the interval, and does nothing while another probe has not returned', async (t) => {
  const { circuit, probes, counts, advance } = setUp(t)
  const slow = Promise.withResolvers<boolean>()
  circuit.open(new Error('lost'))
  probes.push(slow.promise)
  circuit.probe()
  circuit.probe()
  await advance(10_000)
  t.equal(counts.probes, 1)
  slow.resolve(false)
  await settle()
  await advance(250)
  t.equal(counts.probes, 2)
  t.equal(circuit.isOpen, false)
  circuit.probe()
  t.equal(counts.probes, 2, 'a closed circuit is not probed')
})

t.test('an outage that ends before the first probe fails is not reported', async (t) => {
  const { circuit, reports, counts } = setUp(t)
  circuit.open(new Error('lost'))
  t.equal(circuit.isOpen, true)
  circuit.open(new Error('lost twice'))
  t.equal(counts.opened, 1)
  t.match(circuit.reason, { message: 'lost twice' })
  circuit.probe()
  await settle()
  t.equal(circuit.isOpen, false)
  t.strictSame(reports, [])
})

t.test('an outage is reported when its first probe fails, with the latest reason, and only once', async (t) => {
  const { circuit, probes, reports, advance } = setUp(t)
  circuit.open(new Error('lost'))
  probes.push(false, false)
  await advance(250)
  t.strictSame(reports, ['lost'])
  circuit.explain(new Error('ECONNREFUSED'))
  await advance(250)
  t.strictSame(reports, ['lost'])
  t.match(circuit.reason, { message: 'ECONNREFUSED' })
})

t.test('explain() reports an outage at once, and remembers the reason for the next one', async (t) => {
  const { circuit, reports } = setUp(t)
  circuit.explain(new Error('while it was closed'))
  t.strictSame(reports, [])
  t.match(circuit.reason, { message: 'while it was closed' })
  circuit.open(new Error('lost'))
  circuit.explain(new Error('ECONNREFUSED'))
  t.strictSame(reports, ['ECONNREFUSED'])
})

t.test('the probe interval doubles up to 4 s while outages follow each other within 5 s', async (t) => {
  const { circuit, counts, advance } = setUp(t)
  for (const ms of [250, 500, 1_000, 2_000, 4_000, 4_000]) {
    const { probes } = counts
    circuit.open(new Error('lost'))
    await advance(ms - 1)
    t.equal(counts.probes, probes, `not before ${ms} ms`)
    await advance(1)
    t.equal(circuit.isOpen, false, `${ms} ms`)
  }
  await advance(5_000)
  circuit.open(new Error('lost'))
  await advance(250)
  t.equal(circuit.isOpen, false, 'as at first')
})

t.test('dispose() ends probes and reports, and the circuit opens no more', async (t) => {
  const { circuit, probes, reports, counts, advance } = setUp(t)
  const slow = Promise.withResolvers<boolean>()
  probes.push(slow.promise)
  circuit.open(new Error('lost'))
  circuit.probe()
  circuit.dispose()
  slow.resolve(false)
  await settle()
  await advance(10_000)
  circuit.probe()
  t.equal(counts.probes, 1)
  t.strictSame(reports, [])

  const closed = setUp(t)
  closed.circuit.dispose()
  for (const reason of ['1', '2', '3']) closed.circuit.failure(new Error(reason))
  t.equal(closed.circuit.isOpen, false)
  t.strictSame(closed.reports, [])
})

t.test('a circuit breaker needs no onStateChange', async (t) => {
  const circuit = new CircuitBreaker({ probe: async () => true, onOpen: () => {} })
  t.teardown(() => circuit.dispose())
  for (const reason of ['1', '2', '3']) circuit.failure(new Error(reason))
  circuit.probe()
  await settle()
  t.equal(circuit.isOpen, false)
})
