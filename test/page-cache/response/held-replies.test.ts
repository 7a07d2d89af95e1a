import { once } from 'node:events'
import { Readable, Stream } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createTestApp, type Handler } from '../../support/create-test-app.ts'

/** A function that waits for a gate, and lets others wait until it is called. */
function makeGate () {
  const gate = Promise.withResolvers<void>()
  const called = Promise.withResolvers<void>()
  const pass = async () => {
    called.resolve()
    await gate.promise
  }
  return { open: () => gate.resolve(), called: called.promise, pass }
}

/** A handler that replies, waits, and throws. */
const failLate = (called: Promise<void>, payload: unknown = 'page'): Handler => async (_request, reply) => {
  reply.send(payload)
  await called
  throw new Error('late failure')
}

t.test('a stream that fails while the route names its tags is an error of the request alone', async (t) => {
  const fail = async (stream: Readable) => {
    stream.destroy(new Error('upstream broke'))
    await once(stream, 'close')
  }
  const readable = new Readable({ read () {} })
  const source = new Readable({ read () {} })
  let controller: ReadableStreamDefaultController | undefined
  const web = new ReadableStream({ start (given) { controller = given } })
  const old = Object.assign(new Stream(), { pause () {}, resume () {}, readable: true })
  for (const [payload, breakIt] of [
    [readable, async () => await fail(readable)],
    [Readable.toWeb(source), async () => await fail(source)],
    [new Response(web), async () => { controller!.error(new Error('upstream broke')) }],
    [old, async () => { old.emit('error', new Error('upstream broke')) }]
  ] as Array<[unknown, () => Promise<void>]>) {
    const tags = async () => {
      await breakIt()
      await turn() // its listeners have run
      return ['a']
    }
    const { get, untilSettled } = await createTestApp(
      t, { ttl: 60, tags }, (_request, reply, call) => call === 1 ? reply.send(payload) : `call ${call}`
    )
    const [first, second] = await Promise.allSettled([get(), get()])
    t.match(first.status === 'rejected' || first.value.statusCode, first.status === 'rejected' ? true : 500)
    t.match(second, { value: { statusCode: 200, body: 'call 2' } })
    await untilSettled()
  }
})

t.test('an error that replaces a reply while the route names its tags is sent, and nothing is stored', async (t) => {
  const stream = new Readable({ read () {} })
  for (const payload of ['page', stream]) {
    const { open, called, pass } = makeGate()
    const tags = async () => {
      await pass()
      return ['a']
    }
    const { get, untilSettled, storedKeys } = await createTestApp(
      t, { ttl: 60, tags },
      (request, reply, call) => call === 1 ? failLate(called, payload)(request, reply, call) : `call ${call}`
    )
    const response = get()
    const waiting = get()
    t.match(await response, { statusCode: 500, body: /late failure/ })
    t.strictSame(storedKeys(), [])
    open()
    t.match(await waiting, { statusCode: 200, body: 'call 2' })
    await untilSettled()
    t.match(await get(), { statusCode: 200 })
  }
  t.ok(stream.destroyed)
})

t.test('a failure to store a reply that an error has replaced is ignored', async (t) => {
  const { open, called, pass } = makeGate()
  const { get, untilSettled } = await createTestApp(t, {
    ttl: 60,
    async tags (_request, reply) {
      await pass()
      reply.getHeader = () => { throw new Error('no headers') }
      return ['a']
    }
  }, failLate(called))
  t.match(await get(), { statusCode: 500, body: /late failure/ })
  open()
  await untilSettled()
  await turn()
})

t.test('a handler that writes a response itself after its reply is left alone', async (t) => {
  const { open, called, pass } = makeGate()
  const tags = async () => {
    await pass()
    return ['a']
  }
  const { get, untilSettled } = await createTestApp(t, { ttl: 60, tags }, async (_request, reply) => {
    reply.send('page')
    await called
    reply.raw.end('own')
  })
  t.match(await get(), { statusCode: 200, body: 'own' })
  open()
  await untilSettled()
  await turn()
})

t.test('an error that replaces a reply while the store writes it is sent once', async (t) => {
  const { open, called, pass } = makeGate()
  const { store, get, untilSettled } = await createTestApp(t, 60, failLate(called))
  const set = store.set.bind(store)
  store.set = async (key, entry) => {
    await pass()
    return await set(key, entry)
  }
  t.match(await get(), { statusCode: 500, body: /late failure/ })
  open()
  await untilSettled()
  await turn()
})

t.test('an error that replaces the reply to an unsafe request while that invalidates is sent once', async (t) => {
  const { open, called, pass } = makeGate()
  const { app, store, get } = await createTestApp(t, 60)
  app.put('/page', async (request, reply) => await failLate(called)(request, reply, 1))
  await get()
  const remove = store.delete.bind(store)
  store.delete = async (keys) => {
    await pass()
    return await remove(keys)
  }
  t.match(await get({}, { method: 'PUT' }), { statusCode: 500, body: /late failure/ })
  open()
  await turn()
  t.match(await get(), { status: /^fwd=uri-miss/ })
})
