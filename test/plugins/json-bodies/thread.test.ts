import { once } from 'node:events'
import t from 'tap'
import { JsonThread } from '../../../src/plugins/json-bodies/thread.ts'

/* How the thread starts and ends. */

// Neither the thread nor its timer keeps a process running.
const alive = setInterval(() => {}, 1_000)
t.teardown(() => clearInterval(alive))

const bytes = (value: unknown) => Buffer.from(new TextEncoder().encode(JSON.stringify(value)).buffer)
/** Waits for the end of the next thread that starts. */
const nextExit = async () => {
  const [worker] = await once(process, 'worker')
  await once(worker, 'exit')
}

t.test('the thread ends when it is idle, and the next body starts another', async (t) => {
  const thread = new JsonThread(1)
  for (const value of [{ a: 1 }, { a: 2 }]) {
    const exit = nextExit()
    t.same(await thread.parse(bytes(value), {}), value)
    await exit
  }
  await thread.close()
})

t.test('one thread parses all bodies while they follow one another', async (t) => {
  let threads = 0
  const count = () => { threads++ }
  process.on('worker', count)
  t.teardown(() => process.off('worker', count))
  const thread = new JsonThread()
  t.same(await Promise.all([1, 2, 3].map((n) => thread.parse(bytes(n), {}))), [1, 2, 3])
  t.same(await thread.parse(bytes([4]), { type: 'array' }), [4])
  await thread.close()
  t.equal(threads, 1)
})

t.test('a thread that fails fails the body that it parses, and the next body starts another', async (t) => {
  const thread = new JsonThread()
  await t.rejects(thread.parse(bytes(1), { type: 'nonsense' }))
  t.equal(await thread.parse(bytes(2), {}), 2)
  await thread.close()
})

t.test('closing waits for the body that is being parsed', async (t) => {
  const thread = new JsonThread()
  const parsed = thread.parse(bytes([1]), {})
  const exit = nextExit()
  await Promise.resolve()
  await thread.close()
  t.same(await parsed, [1])
  await exit
})

t.test('closing without a thread does nothing', async () => {
  await new JsonThread().close()
})
