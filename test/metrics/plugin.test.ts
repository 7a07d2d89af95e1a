import Fastify, { type FastifyInstance } from 'fastify'
import { Gauge, register, Registry } from 'prom-client'
import t, { type Test } from 'tap'
import dashboard from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'
import metrics, { type MetricsOptions } from '../../src/larder/metrics.ts'

function createApp (t: Test, options: MetricsOptions & { prefix?: string }): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(larder)
  app.register(metrics, options)
  app.register(dashboard, { prefix: '/cache' })
  return app
}

const OPTION = 'FST_ERR_LARDER_OPTION'

const TOKEN = 'The option token must be a text of ASCII characters without white space, and not empty.'

t.test('the metrics are added to the registry of the application, and removed when it closes', async (t) => {
  const registry = new Registry()
  const own = new Gauge({ name: 'orders', help: 'Orders.', registers: [registry] })
  own.set(5)
  const app = createApp(t, { registry })
  await app.ready()
  await app.larder.getOrSet('menu:1', () => 'soup')
  await app.larder.get('menu:1')
  const text = await registry.metrics()
  for (const line of [
    'orders 5', 'larder_cache_hits_total{prefix="menu"} 1', '# TYPE larder_page_hits_total counter'
  ]) t.ok(text.includes(line), line)
  t.equal((await app.inject('/metrics')).statusCode, 404, 'there is no route by default')
  registry.resetMetrics()
  t.match(await registry.getMetricsAsJSON(), registry.getMetricsAsArray().map(({ name }) => ({ name })))
  t.ok((await registry.metrics()).includes('larder_cache_hits_total{prefix="menu"} 1'), 'counters go on after a reset')
  await app.close()
  t.same(registry.getMetricsAsArray().map(({ name }) => name), ['orders'])
})

t.test('without the option registry, the metrics are in the global one of prom-client', async (t) => {
  const app = createApp(t, {})
  await app.ready()
  t.match(await register.metrics(), '# TYPE larder_cache_hits_total counter')
})

t.test('the option route sends all metrics of the registry, below the prefix, and is not cached', async (t) => {
  const registry = new Registry()
  const app = createApp(t, { registry, route: '/metrics', prefix: '/internal' })
  const { headers, body } = await app.inject('/internal/metrics')
  t.match(headers, { 'content-type': registry.contentType, 'cache-control': 'no-store' })
  t.equal(body, await registry.metrics())
})

t.test('the option token closes the route to other clients', async (t) => {
  const app = createApp(t, { registry: new Registry(), route: '/metrics', token: 'sesame' })
  t.equal((await app.inject('/metrics')).statusCode, 401)
  t.equal((await app.inject({ url: '/metrics', headers: { authorization: 'Bearer sesame' } })).statusCode, 200)
})

t.test('several caches in one registry are told apart by labels', async (t) => {
  const registry = new Registry()
  const first = createApp(t, { registry, labels: { cache: 'first' } })
  const second = createApp(t, { registry, labels: { cache: 'second' } })
  for (const app of [first, second]) {
    await app.ready()
    await app.larder.get('menu')
  }
  const misses = async () => (await registry.metrics()).match(/^larder_cache_misses_total.*$/gm)
  const line = (cache: string) => `larder_cache_misses_total{cache="${cache}",prefix="menu",reason="absent"} 1`
  t.same(await misses(), [line('first'), line('second')])
  await t.rejects(async () => { await createApp(t, { registry, labels: { cache: 'second' } }).ready() }, {
    code: 'FST_ERR_LARDER_METRICS_LABELS',
    message: 'The registry already has metrics of a cache with the labels {"cache":"second"}. ' +
      'Choose other labels, or another registry.'
  })
  await first.close()
  t.same(await misses(), [line('second')])
})

t.test('a registry that has another metric of the same name fails the start, and is left as it was', async (t) => {
  const registry = new Registry()
  const own = new Gauge({ name: 'larder_page_hits_total', help: 'Not ours.', registers: [registry] })
  await t.rejects(async () => { await createApp(t, { registry }).ready() }, {
    code: 'FST_ERR_LARDER_METRICS_NAME',
    message: 'The registry already has another metric larder_page_hits_total. ' +
      'Rename that one, or choose another registry.'
  })
  t.same(registry.getMetricsAsArray(), [own])
  registry.clear()
  await createApp(t, { registry }).ready()
})

t.test('labels may have any value', async (t) => {
  const registry = new Registry()
  const app = createApp(t, { registry, labels: { cache_1: 'x"y\n' } })
  await app.ready()
  t.match(await registry.metrics(), 'larder_cache_loads_in_flight{cache_1="x\\"y\\n"} 0')
})

t.test('a registry that writes OpenMetrics has the same metrics', async (t) => {
  const registry = new Registry()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
  const app = createApp(t, { registry })
  await app.ready()
  await app.larder.getOrSet('menu', () => 'soup')
  for (let i = 0; i < 2; i++) {
    const text = await registry.metrics()
    for (const line of [
      '# TYPE larder_cache_misses counter', 'larder_cache_misses_total{prefix="menu",reason="absent"} 1',
      'larder_cache_load_duration_seconds_count{prefix="menu"} 1'
    ]) t.ok(text.includes(`${line}\n`), line)
  }
  await app.close()
  t.same(registry.getMetricsAsArray(), [])
})

t.test('dashboards and registries share the figures of a cache', async (t) => {
  const registry = new Registry()
  const app = createApp(t, { registry })
  await app.ready()
  await app.larder.get('menu:1')
  t.match((await app.inject('/cache')).body, 'absent 1')
  t.match(await registry.metrics(), 'larder_cache_misses_total{prefix="menu",reason="absent"} 1')
})

t.test('options that cannot be used fail the start with one sentence', async (t) => {
  const cases: Array<[options: object, message: string]> = [
    [{ registr: 5 }, 'fastify-larder/metrics has no option registr. Did you mean registry?'],
    [{ registry: {} }, 'The option registry must be a registry of prom-client.'],
    [{ registry: null }, 'The option registry must be a registry of prom-client.'],
    [{ route: 'metrics' }, 'The option route must be a path such as /metrics.'],
    [{ route: true }, 'The option route must be a path such as /metrics.'],
    [{ route: '/metrics', token: '' }, TOKEN],
    ...[null, 'abc', [], 5].map((labels): [object, string] => [
      { labels }, 'The option labels must be an object such as { cache: "first" }.'
    ]),
    ...['bad-name', '', '1st', 'a b', '__name__'].map((name): [object, string] => [
      { labels: { [name]: 'a' } }, `The option labels has "${name}", which cannot be the name of a label.`
    ]),
    ...['prefix', 'route', 'reason', 'cause', 'operation', 'command', 'outcome', 'le'].map((name): [object, string] => [
      { labels: { [name]: 'a' } }, `The option labels has ${name}, which metrics have themselves. Choose another name.`
    ]),
    [{ labels: { cache: 5 } }, 'The label cache must be a text.'],
    [{ token: 'a' }, 'The option token needs the option route.']
  ]
  for (const [options, message] of cases) {
    await t.rejects(async () => { await createApp(t, options).ready() }, { code: OPTION, message })
  }
})

t.test('the option gauges adds figures of the application, until it closes', async (t) => {
  const registry = new Registry()
  let waiting: number | undefined = 5
  const fail = () => { throw new Error('gone') }
  const gauges = [
    { label: 'Jobs waiting', name: 'jobs_waiting', help: 'Jobs that wait.', read: () => waiting },
    { label: 'Jobs', name: 'jobs_total', help: 'Jobs that have ended.', read: () => 7 },
    { label: 'Failing', name: 'failing', help: 'Fails.', read: fail }
  ]
  const app = createApp(t, { registry, gauges, labels: { app: 'shop' } })
  await app.ready()
  const text = await registry.metrics()
  t.match(text, '# HELP jobs_waiting Jobs that wait.\n# TYPE jobs_waiting gauge\njobs_waiting{app="shop"} 5\n')
  t.match(text, '# TYPE jobs_total counter\njobs_total{app="shop"} 7\n', 'its name ends in _total')
  t.notMatch(text, /^failing/m)
  waiting = undefined
  t.notMatch(await registry.metrics(), /^jobs_waiting/m)
  await app.close()
  t.same(registry.getMetricsAsArray(), [])
})

t.test('a name of a gauge that the registry has already fails the start', async (t) => {
  const registry = new Registry()
  const gauge = (name: string) => ({ label: '', name, help: 'Help.', read: () => 1 })
  for (const names of [['a', 'a'], ['a', 'larder_page_hits_total']]) {
    await t.rejects(async () => { await createApp(t, { registry, gauges: names.map(gauge) }).ready() }, {
      code: 'FST_ERR_LARDER_METRICS_NAME'
    })
    t.same(registry.getMetricsAsArray(), [])
  }
})

t.test('a gauge that cannot be used fails the start', async (t) => {
  const gauge = { label: 'Jobs', name: 'jobs', help: 'Jobs.', read: () => 1 }
  for (const gauges of [
    null, {}, [null], [{ ...gauge, label: 1 }], [{ ...gauge, name: 'a-b' }], [{ ...gauge, name: 5 }],
    [{ ...gauge, help: undefined }], [{ ...gauge, unit: 'days' }], [{ ...gauge, read: 5 }]
  ]) {
    const options = { registry: new Registry(), gauges: gauges as never }
    await t.rejects(async () => { await createApp(t, options).ready() }, {
      code: OPTION, message: /^The option gauges must be a list of figures/
    })
  }
})
