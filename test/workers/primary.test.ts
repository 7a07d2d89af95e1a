import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts'
import { startWorkers, type WorkerHandle } from '../../src/workers/primary.ts'
import { ANSWER_MS, HUNG_MS } from '../../src/workers/relay.ts'

const ADDRESS = 'http://127.0.0.1:4711'

/** A worker without a process. */
class FakeWorker extends EventEmitter implements WorkerHandle {
  readonly id: number
  readonly port: number | undefined
  readonly process = Object.assign(new EventEmitter(), {
    pid: 0,
    send () {},
    kill: (signal: string) => { this.end(null, signal) }
  })

  readonly received: ToWorker[] = []

  constructor (id: number, port: number | undefined) {
    super()
    this.id = id
    this.process.pid = 100 + id
    this.port = port
  }

  send (message: ToWorker, callback: () => void): void {
    this.received.push(message)
    callback()
  }

  tell (message: FromWorker): void {
    this.emit('message', message)
  }

  listen (address = ADDRESS): void {
    this.tell({ type: 'join' })
    this.tell({ type: 'listening', address })
  }

  end (status: number | null, signal: string | null = null): void {
    this.emit('exit', status, signal)
  }

  get isStopped (): boolean {
    return this.received.some(({ type }) => type === 'stop')
  }
}

/** Starts fake workers, while time stands still. */
function setUp (t: Test, count: number) {
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const workers: FakeWorker[] = []
  const lines: string[] = []
  const write = (line: unknown) => { lines.push(String(line)) }
  const started = startWorkers({
    count,
    log: { info: write, warn: write, error: write, always: write },
    fork (port) {
      workers.push(new FakeWorker(workers.length + 1, port))
      return workers.at(-1)!
    }
  })
  return { workers, lines, started, advance: (ms: number) => t.clock.advance(ms) }
}

t.test('the workers have started when all of them listen', async (t) => {
  const { workers, started } = setUp(t, 2)
  t.same(workers.map(({ port }) => port), [undefined, undefined])
  let isStarted = false
  started.then(() => { isStarted = true })
  workers[0]!.listen()
  await Promise.resolve()
  t.notOk(isStarted)
  workers[1]!.listen()
  t.equal((await started).address, ADDRESS)
})

t.test('a worker that cannot start ends all others, with one reason', async (t) => {
  const { workers, lines, started } = setUp(t, 3)
  workers[0]!.listen()
  workers[1]!.tell({ type: 'failed', message: 'The port is taken.' })
  workers[1]!.end(1)
  t.ok(workers[0]!.isStopped)
  t.ok(workers[2]!.isStopped)
  workers[2]!.tell({ type: 'failed', message: 'Another reason.' })
  workers[2]!.end(1)
  workers[0]!.end(0)
  await t.rejects(started, { message: 'The port is taken.' })
  t.equal(workers.length, 3)
  t.same(lines, [])
})

t.test('a worker that is killed while it starts ends the start', async (t) => {
  const { workers, started } = setUp(t, 1)
  workers[0]!.emit('error', new Error('the channel broke'))
  workers[0]!.end(null, 'SIGKILL')
  await t.rejects(started, { message: 'A worker ended with SIGKILL before it was ready.' })
})

t.test('a worker that ends is replaced at once, and later if it ends again and again', async (t) => {
  const { workers, lines, started, advance } = setUp(t, 2)
  for (const worker of workers) worker.listen()
  await started
  advance(1_000)
  const delays = [1, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]
  for (const delay of delays) {
    workers.at(-1)!.end(1)
    const { length } = workers
    advance(delay - 1)
    t.equal(workers.length, length)
    advance(1)
    t.equal(workers.length, length + 1)
  }
  t.equal(lines.length, delays.length)
  t.same(lines.slice(0, 2), [
    'worker 102 ended with status 1; another one starts at once',
    'worker 103 ended with status 1; another one starts in 100 ms'
  ])
  advance(10_000)
  workers.at(-1)!.end(null, 'SIGKILL')
  t.match(lines.at(-1), /^worker \d+ ended with SIGKILL; another one starts at once$/, 'it had run for ten seconds')
  const { length } = workers
  workers[0]!.end(1)
  advance(1)
  t.equal(workers.length, length + 2, 'other workers do not count')
})

t.test('a replacement that cannot start is reported, and tried again', async (t) => {
  const { workers, lines, started, advance } = setUp(t, 2)
  for (const worker of workers) worker.listen()
  await started
  workers[0]!.end(1)
  advance(1)
  workers[2]!.tell({ type: 'failed', message: 'The database is locked.' })
  workers[2]!.end(1)
  t.equal(lines.at(-1), 'worker 103 cannot start (The database is locked.); another one starts in 100 ms')
  advance(100)
  t.equal(workers.length, 4)
  t.notOk(workers[1]!.isStopped)
})

t.test('a worker that closes is replaced while it completes its responses', async (t) => {
  const { workers, lines, started, advance } = setUp(t, 2)
  for (const worker of workers) worker.listen()
  const { stop } = await started
  workers[0]!.tell({ type: 'leave' })
  advance(1)
  t.equal(workers.length, 3)
  workers[0]!.end(0)
  advance(1)
  t.equal(workers.length, 3)
  t.same(lines, ['worker 101 closes; another one starts at once'])
  const stopped = stop()
  for (const worker of workers.slice(1)) worker.end(0)
  await stopped
})

t.test('a stop ends all workers, and replaces none', async (t) => {
  const { workers, lines, started, advance } = setUp(t, 3)
  for (const worker of workers) worker.listen()
  const { stop } = await started
  workers[2]!.end(1)
  workers[1]!.end(1)
  const stopped = stop()
  t.ok(workers[0]!.isStopped)
  workers[0]!.tell({ type: 'leave' })
  workers[0]!.end(0)
  await stopped
  advance(60_000)
  t.equal(workers.length, 3)
  t.equal(lines.length, 2)
  await stop()
})

t.test('with port 0, the port stays the same even if all workers end', async (t) => {
  const { workers, started, advance } = setUp(t, 2)
  for (const worker of workers) worker.listen()
  await started
  workers[0]!.end(1)
  advance(1)
  t.equal(workers[2]!.port, undefined, 'it shares the port of the other worker')
  workers[1]!.end(1)
  advance(1)
  t.equal(workers[3]!.port, 4711)
  workers[2]!.listen('http://127.0.0.1:4712')
  advance(100)
  t.equal(workers[4]!.port, 4711, 'the one that got another port was ended')
})

t.test('requests pass between the workers, and one that hangs is ended', async (t) => {
  const { workers: [a, b], lines, started, advance } = setUp(t, 2)
  for (const worker of [a, b]) worker!.listen()
  await started
  a!.tell({ type: 'request', id: 5, topic: 'x', argument: 1 })
  b!.tell({ type: 'answer', id: 0, result: 2 })
  t.same(a!.received, [{ type: 'answers', id: 5, answers: { results: [2], missing: 0 } }])
  a!.tell({ type: 'request', id: 6, topic: 'x', argument: 1 })
  advance(ANSWER_MS)
  advance(HUNG_MS - ANSWER_MS)
  t.same(lines, ['worker 102 hangs and is ended', 'worker 102 ended with SIGKILL; another one starts at once'])
})
