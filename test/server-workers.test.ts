import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type ServerProcess, startServer } from './support/server-process.ts'
import { soak } from './support/soak.ts'
import { until } from './support/until.ts'

t.setTimeout(180_000) // a process takes seconds to start while all cores are busy
t.jobs = 2
const beside = { buffered: true }

const ADMIN_TOKEN = 'secret'

/** Sends a request over a connection of its own: the primary passes these on to one worker after the other. */
async function send (url: string, body?: object): Promise<{ headers: IncomingHttpHeaders, body: string }> {
  const options = body === undefined
    ? {}
    : {
        method: 'POST', headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }
      }
  const sent = request(url, { agent: false, ...options }).end(body && JSON.stringify(body))
  const [response] = await once(sent, 'response')
  return { headers: response.headers, body: await text(response) }
}

/** Returns the pids of the workers that respond to as many requests as there are workers. */
async function findWorkers (address: string, count: number): Promise<number[]> {
  const pages = await Promise.all(Array.from({ length: count }, () => send(`${address}/cache`)))
  return pages.map(({ body }) => Number(/worker \d+, pid (\d+)/.exec(body)![1])).sort((a, b) => a - b)
}

async function sumOf (address: string, metric: string): Promise<number> {
  const { body } = await send(`${address}/metrics`)
  return Number(body.split('\n').find((line) => line.startsWith(metric))?.split(' ')[1])
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const start = (t: Test, env: Record<string, string>, execArgv: string[] = []): ServerProcess =>
  startServer(t, {
    DATABASE_URL: `file:${t.testdir()}/larder.db`, HTTPBIN_DELAY: '0', ADMIN_TOKEN, ...env
  }, [], execArgv)

t.test('several workers share a new database, a port, metrics and purges, and end if the primary is killed', beside,
  async (t) => {
    const count = soak(3, 2)
    const server = start(t, { WORKERS: String(count), LOG_LEVEL: 'silent' })
    const address = await server.address()
    t.not(new URL(address).port, '0')
    const workers = await findWorkers(address, count)
    t.equal(new Set(workers).size, count)
    t.notOk(workers.includes(server.child.pid!))

    for (let i = 0; i < 2 * count; i++) await send(`${address}/apicalls`)
    t.equal(await sumOf(address, 'larder_page_misses_total{route="/apicalls"'), count, 'each loads for itself')
    t.equal(await sumOf(address, 'larder_page_hits_total{route="/apicalls"'), count)
    t.equal(await sumOf(address, 'larder_memory_entries'), count)
    const purge = await send(`${address}/cache/purge`, { url: '/apicalls' })
    t.same(JSON.parse(purge.body), { purged: count })
    for (let i = 0; i < count; i++) {
      t.match((await send(`${address}/apicalls`)).headers['cache-status'], 'fwd=uri-miss', 'no worker has the page')
    }

    await send(`${address}/api/products`, { title: 'Kumquats', price: '3' })
    for (let i = 0; i < count; i++) t.match((await send(`${address}/`)).body, 'Kumquats')

    t.equal(await sumOf(address, 'larder_page_misses_total{route="/apicalls"'), 2 * count)
    process.kill(workers[0]!, 'SIGKILL')
    await until('another worker serves', async () => {
      const now = await findWorkers(address, count)
      return new Set(now).size === count && !now.includes(workers[0]!)
    })
    t.equal(await sumOf(address, 'larder_page_misses_total{route="/apicalls"'), 2 * count, 'no sum falls')
    t.equal(server.output.stdout.trim().split('\n').length, 1, 'the address is the only line')
    t.equal(server.output.stderr, '')

    const left = await findWorkers(address, count)
    server.child.kill('SIGKILL')
    await until('no worker is left', () => !left.some(isRunning))
  })

for (const signal of soak(['SIGTERM', 'SIGINT'] as const, ['SIGTERM'] as const)) {
  t.test(`${signal} to the primary completes responses in flight, and ends all processes`, beside, async (t) => {
    const server = start(t, { WORKERS: '2', HTTPBIN_DELAY: '0.5' })
    const address = await server.address()
    t.ok(await server.line('2 workers without REDIS_URL: each has a cache of its own, and loads for itself'))
    const workers = await findWorkers(address, 2)
    const pages = [send(`${address}/apicalls`), send(`${address}/apicalls`)]
    await until('both are in flight', () => server.output.stdout.match(/"url":"\/apicalls"/g)?.length === 2)
    server.child.kill(signal)
    for (const { body } of await Promise.all(pages)) t.match(body, 'Results received!')
    t.equal(await server.ended, 0)
    t.same(workers.filter(isRunning), [])
    await t.rejects(send(address), 'the port is closed')
  })
}

t.test('a worker with an uncaught error is replaced', beside, async (t) => {
  const script = 'data:text/javascript,process.on("SIGUSR2", () => { throw new Error("boom") })'
  const server = start(t, { WORKERS: '2' }, ['--import', script])
  const address = await server.address()
  const [worker] = await findWorkers(address, 2)
  process.kill(worker!, 'SIGUSR2')
  t.match(await server.line('closing after an error'), 'boom')
  t.ok(await server.line(`worker ${worker} closes; another one starts at once`))
  await until('another worker serves', async () => !(await findWorkers(address, 2)).includes(worker!))
  server.child.kill('SIGUSR2')
  t.equal(await server.ended, 1, 'an uncaught error of the primary ends the service')
  t.match(server.output.stdout, '"msg":"boom"')
})

t.test('workers that cannot start end with one line and exit status 1', beside, async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const cases: Array<[Record<string, string>, RegExp]> = [
    [{ PORT: String(port) }, new RegExp(`^larder: Cannot listen on HOST 127.0.0.1, PORT ${port} \\(.*EADDRINUSE`)],
    [{ WORKERS: '0' }, /^larder: WORKERS is "0", but it must be an integer from 1 to 999, or auto\.\n$/],
    [{ CACHE_TTL: 'x' }, /^larder: CACHE_TTL is "x", but it must be /]
  ]
  for (const [env, message] of soak(cases, cases.slice(0, 2))) {
    const server = start(t, { WORKERS: '2', ...env })
    t.equal(await server.ended, 1)
    t.match(server.output.stderr, message)
    t.match(server.output.stderr, /^[^\n]*\n$/)
    t.notMatch(server.output.stdout, 'listening')
  }
})

t.test('the commands start one process', beside, async (t) => {
  const path = `${t.testdir()}/larder.db`
  const server = startServer(t, { WORKERS: '2', DATABASE_URL: `file:${path}`, LOG_LEVEL: 'silent' }, ['seed'])
  t.equal(await server.ended, 0)
  t.same(server.output, { stdout: '', stderr: '' })
  t.ok(existsSync(path))
})
