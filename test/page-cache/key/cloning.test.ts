import { DefaultSerializer, deserialize, Deserializer, Serializer, serialize } from 'node:v8'
import { BroadcastChannel, MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { ask, site } from './page-site.ts'

/** Ways to clone a value. */
const CLONES: Record<string, (value: unknown) => unknown> = {
  structuredClone: (value) => structuredClone(value),
  postMessage (value) {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage({ value })
    const received = receiveMessageOnPort(port2) as { message: { value: unknown } }
    port1.close()
    return received.message.value
  },
  'v8.serialize': (value) => deserialize(serialize({ list: [value] })).list[0] as unknown,
  'v8.Serializer': (value) => writeWith(new Serializer(), { value }).value,
  'v8.DefaultSerializer': (value) => writeWith(new DefaultSerializer(), { value }).value,
  'a worker': (value) => {
    const worker = new Worker('', { eval: true, workerData: value, stdout: true, stderr: true })
    worker.postMessage(value)
    worker.terminate().catch(() => {})
    return structuredClone(value)
  },
  'the cause of an error': (value) => structuredClone(new TypeError('no', { cause: value })).cause,
  'an instance of a class': (value) => structuredClone(new (class { part = value })()).part
}

function writeWith (serializer: Serializer, value: object): { value: unknown } {
  serializer.writeHeader()
  serializer.writeValue('before')
  serializer.writeValue(value)
  const buffer = serializer.releaseBuffer()
  const reader = new Deserializer(buffer)
  reader.readHeader()
  t.equal(reader.readValue(), 'before')
  return reader.readValue() as { value: unknown }
}

const read = ({ headers, raw }: FastifyRequest, clone: (value: unknown) => unknown) => {
  const [cloned, rawHeaders] = [clone(headers), clone(raw.rawHeaders)] as [Record<string, string>, string[]]
  return { cloned, rawHeaders }
}

t.test('headers and rawHeaders can be cloned, on cached and other routes, in hooks and handlers', async (t) => {
  for (const [way, clone] of Object.entries(CLONES)) {
    for (const place of ['before', 'after'] as const) {
      const seen: unknown[] = []
      const { app } = await site(t, 300, (request) => {
        seen.push(read(request, clone))
        return 'page'
      }, {
        [place]: (app: FastifyInstance) => app.addHook('onRequest', async (request) => {
          seen.push(read(request, clone))
        })
      })
      t.equal((await ask(app, { 'x-a': '1' })).status, 'larder; fwd=uri-miss; detail=all-headers-read', way)
      t.equal(seen.length, 2)
      for (const each of seen) t.match(each, { cloned: { 'x-a': '1' }, rawHeaders: ['x-a', '1'] }, `${way} ${place}`)
    }
  }
})

t.test('headers of a route without a page cache can be cloned', async (t) => {
  const app = Fastify()
  for (const [way, clone] of Object.entries(CLONES)) {
    app.get(`/${way}`, async (request) => read(request, clone).cloned)
  }
  const { app: cached } = await site(t, 300, undefined, { app })
  for (const way of Object.keys(CLONES)) {
    t.match((await cached.inject({ url: `/${way}`, headers: { 'x-a': '1' } })).json(), { 'x-a': '1' }, way)
  }
})

t.test('a clone keeps the structure around the headers, with circles', async (t) => {
  let clone: Record<string, unknown> = {}
  let failure: Error | undefined
  const { app } = await site(t, 300, ({ headers }) => {
    const value: Record<string, unknown> = {
      headers, map: new Map([['headers', headers]]), set: new Set([headers]), date: new Date(0), list: [1, headers]
    }
    value.inner = { value }
    clone = structuredClone(value)
    try {
      structuredClone([headers, new Proxy({}, {})])
    } catch (error) {
      failure = error as Error
    }
    return 'page'
  })
  await ask(app, { 'x-a': '1' })
  t.equal(failure?.name, 'DataCloneError', 'a proxy of others')
  t.match(clone, { headers: { 'x-a': '1' }, list: [1, { 'x-a': '1' }], date: new Date(0) })
  t.equal((clone.inner as { value: unknown }).value, clone)
  t.match((clone.map as Map<string, unknown>).get('headers'), { 'x-a': '1' })
  t.match([...clone.set as Set<unknown>], [{ 'x-a': '1' }])
})

t.test('errors and instances of classes around the headers are cloned as without a page cache', async (t) => {
  class Tenant {
    readonly name = 'ann'
    readonly headers: unknown
    constructor (headers: unknown) { this.headers = headers }
  }
  let clone: Record<string, unknown> = {}
  const { app } = await site(t, 300, ({ headers }) => {
    const error = Object.assign(new RangeError('too far', { cause: { headers } }), { code: 1 })
    clone = structuredClone({
      error,
      same: error,
      plain: new TypeError('no'),
      tenant: new Tenant(headers),
      bytes: Buffer.from('a'),
      date: new Date(0)
    })
    return 'page'
  })
  await ask(app, { 'x-a': '1' })
  const error = clone.error as Error
  t.type(error, RangeError)
  t.match(error, { message: 'too far', cause: { headers: { 'x-a': '1' } } })
  t.match(error.stack, /^RangeError: too far\n/)
  t.notOk('code' in error)
  t.equal(clone.same, error)
  t.type(clone.plain, TypeError)
  t.match(clone.tenant, { name: 'ann', headers: { 'x-a': '1' } })
  t.equal(Object.getPrototypeOf(clone.tenant), Object.prototype)
  t.strictSame(clone.date, new Date(0))
  t.equal(String(Buffer.from(clone.bytes as Uint8Array)), 'a')
})

t.test('what cannot be cloned is still refused with the error of the platform', async (t) => {
  await site(t, 300)
  t.throws(() => structuredClone({ f () {} }), { name: 'DataCloneError' })
  t.throws(() => structuredClone(new Proxy({}, {})), { name: 'DataCloneError' })
  t.throws(() => structuredClone({ date: new Date(0), inner: [() => {}] }), { name: 'DataCloneError' })
  const channel = new BroadcastChannel('larder-test')
  t.throws(() => channel.postMessage([() => {}]), { name: 'DataCloneError' })
  channel.close()
  t.equal(structuredClone.name, 'structuredClone')
})
