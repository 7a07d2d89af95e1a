import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import t from 'tap'
import { createRegistry } from '../../src/workers/shared-registry.ts'
import { connectWorkers } from '../support/workers.ts'

const samples = async (registry: Registry) =>
  (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).sort()

t.test('a registry without peers is one of prom-client', async (t) => {
  t.equal(createRegistry(undefined).constructor, Registry)
})

t.test('a scrape of any worker has the metrics of all: added up, averaged, or those of the worst', async (t) => {
  const { peers } = connectWorkers(2)
  const [first, second] = peers.map((peer, i) => {
    const registry = createRegistry(peer)
    const registers = [registry]
    const gauge = (name: string, aggregator: 'min' | 'average' | 'omit', value: number) =>
      new Gauge({ name, help: 'g', aggregator, registers }).set(value)
    new Counter({ name: 'hits_total', help: 'h', registers }).inc(10 ** i)
    gauge('up', 'min', i)
    gauge('nodejs_eventloop_lag_mean_seconds', 'average', i)
    gauge('nodejs_eventloop_lag_p99_seconds', 'average', i + 1)
    gauge('nodejs_eventloop_lag_seconds', 'average', i + 1)
    gauge('process_start_time_seconds', 'omit', i + 5)
    return registry
  })
  const expected = [
    'hits_total 11', 'nodejs_eventloop_lag_mean_seconds 0.5', 'nodejs_eventloop_lag_p99_seconds 2',
    'nodejs_eventloop_lag_seconds 2', 'process_start_time_seconds 5', 'up 0'
  ]
  t.same(await samples(first!), expected)
  t.same(await samples(second!), expected)
})

t.test('the metrics of a process can be combined without a loss', async (t) => {
  const alone = new Registry()
  collectDefaultMetrics({ register: alone })
  const shared = createRegistry(connectWorkers(1).peers[0])
  collectDefaultMetrics({ register: shared })
  t.teardown(() => { for (const registry of [alone, shared]) registry.clear() })
  const names = async (registry: Registry) =>
    Array.from((await registry.metrics()).matchAll(/^# TYPE (\w+) (\w+)$/gm), ([line]) => line).sort()
  t.same(await names(shared), await names(alone))
})
