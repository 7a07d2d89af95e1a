import Sqlite from 'better-sqlite3'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { SEED } from '../src/products/seed.ts'
import { startServer } from './support/server-process.ts'
import { soak } from './support/soak.ts'

t.setTimeout(180_000) // a process takes seconds to start while all cores are busy
t.jobs = 3
/** These tests run concurrently, because they mostly wait for their own processes. */
const beside = { buffered: true }

for (const host of soak(['::1', '127.0.0.1'], ['::1'])) {
  t.test(`a silent service logs one line when it listens on ${host}, and idle connections do not delay its exit`,
    beside, async (t) => {
      const server = startServer(t, { HOST: host, LOG_LEVEL: 'silent' })
      const address = await server.address()
      const { hostname, port } = new URL(address)
      t.equal(hostname, host.includes(':') ? `[${host}]` : host)
      t.not(port, '0')
      const socket = connect(Number(port), host)
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
      t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /)
      server.child.kill('SIGINT')
      t.equal(await server.ended, 0)
      const lines = server.output.stdout.trim().split('\n')
      t.match(lines.map((line) => JSON.parse(line)), [{ level: 30, msg: `listening on ${address}` }])
      t.equal(lines.length, 1)
      t.equal(server.output.stderr, '')
    })
}

for (const signal of soak(['SIGTERM', 'SIGINT'] as const, ['SIGTERM'] as const)) {
  t.test(`${signal}: completes responses in flight, closes, and exits with 0`, beside, async (t) => {
    const path = `${t.testdir()}/larder.db`
    const server = startServer(t, { HTTPBIN_DELAY: '0.5', DATABASE_URL: `file:${path}` })
    const address = await server.address()
    t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/)
    const page = fetch(`${address}/apicalls`)
    await server.line('"url":"/apicalls"')
    server.child.kill(signal)
    const response = await page
    t.equal(response.status, 200)
    t.match(await response.text(), 'Results received!')
    t.equal(await server.ended, 0)
    t.notOk(existsSync(`${path}-wal`), 'the database was closed')
    await t.rejects(fetch(address), 'the port is closed')
    t.equal(server.output.stderr, '')
    const lines = server.output.stdout.trim().split('\n').filter((line) => line.includes('listening'))
    t.equal(lines.length, 1)
    t.match(JSON.parse(lines[0]!), { level: 30, msg: `listening on ${address}` })
    t.match(server.output.stdout, `seeded ${SEED.length} products`)
    t.match(server.output.stdout, `Using the database file:${path}, caching in memory`)
  })
}

t.test('an uncaught error is logged, and the service closes and exits with 1', beside, async (t) => {
  const script = 'data:text/javascript,process.on("SIGUSR2", () => { throw new Error("boom") })'
  const server = startServer(t, {}, [], ['--import', script])
  await server.address()
  server.child.kill('SIGUSR2')
  t.equal(await server.ended, 1)
  t.match(JSON.parse((await server.line('closing after an error'))!), { level: 60, err: { message: 'boom' } })
})

t.test('an error at start is one line on stderr, with exit status 1', beside, async (t) => {
  const folder = t.testdir({ 'text.txt': 'This is text.\n'.repeat(500) })
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo

  const cases: Array<[string, Record<string, string>, RegExp]> = [
    ['a bad variable', { PORT: 'http' }, /^larder: PORT is "http", but it must be an integer from 0 to 65535\.\n$/],
    [
      'a port in use',
      { PORT: String(port) },
      new RegExp(`^larder: Cannot listen on HOST 127\\.0\\.0\\.1, PORT ${port} \\(listen EADDRINUSE.*:${port}\\)\\. `)
    ],
    [
      'a database that does not open',
      { DATABASE_URL: `file:${folder}/text.txt` },
      /^larder: Cannot open the DATABASE_URL file:.*: file is not a database\n$/
    ]
  ]
  const started = soak(cases, cases.slice(0, 2)).map(([name, env, message]) => {
    return { name, message, server: startServer(t, { LOG_LEVEL: 'silent', ...env }) }
  })
  for (const { name, message, server } of started) {
    t.equal(await server.ended, 1, name)
    t.match(server.output.stderr, message, name)
    t.equal(server.output.stdout, '', name)
  }
})

t.test('migrate and seed prepare the database, keep its data, and exit', beside, async (t) => {
  const path = `${t.testdir()}/var/larder.db`
  const run = async (command: string) => {
    const server = startServer(t, { DATABASE_URL: `file:${path}`, PORT: '1', LOG_LEVEL: 'silent' }, [command])
    t.equal(await server.ended, 0)
    t.same(server.output, { stdout: '', stderr: '' })
  }
  await run('migrate')
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  const count = other.prepare('SELECT count(*) FROM products').pluck()
  t.equal(count.get(), 0, 'migrate creates the table without products')
  await run('seed')
  t.equal(count.get(), SEED.length)
  if (soak(false, true)) return
  other.exec('DELETE FROM products WHERE id > 1')
  await run('seed')
  t.equal(count.get(), 1)
})

t.test('an unknown command exits with 1', beside, async (t) => {
  const path = `${t.testdir()}/larder.db`
  const env = { DATABASE_URL: `file:${path}` }
  const started = soak([['sead'], ['seed', 'now']], [['sead']])
    .map((args) => ({ args, server: startServer(t, env, args) }))
  for (const { args, server } of started) {
    t.equal(await server.ended, 1)
    const message = `Unknown command "${args.join(' ')}". Usage: node src/server.ts [migrate | seed]`
    t.equal(server.output.stderr, `larder: ${message}\n`)
    t.equal(server.output.stdout, '')
  }
  t.notOk(existsSync(path))
})
