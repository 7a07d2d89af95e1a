import { text } from 'node:stream/consumers'
import t from 'tap'
import { open } from '../../support/open-response.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response without content is stored with its status', async (t) => {
      for (const status of [204, 301, 404]) {
        const { get, calls } = await createTestApp(t, {}, (_request, reply) =>
          reply.code(status).headers({ 'cache-control': 'max-age=60', location: '/x' }).send(), { store: makeStore })
        await get()
        const warm = await get()
        t.match(warm, { statusCode: status, body: '', status: 'hit; ttl=60', headers: { location: '/x' } })
        t.equal(warm.headers['content-type'], undefined)
        t.equal(warm.headers['content-length'], status === 204 ? undefined : '0')
        t.equal(calls(), 1)
      }
    })
  })
}

t.test('a hijacked reply is not stored, and blocks no other request', async (t) => {
  for (const hijack of [true, false]) {
    const { app, calls, listener } = await createTestApp(t, 300, (_request, reply, call) => {
      if (hijack) reply.hijack()
      reply.raw.end(`raw ${call}`)
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const answers = await Promise.all([open(app), open(app), open(app)])
    t.strictSame((await Promise.all(answers.map(text))).sort(), ['raw 1', 'raw 2', 'raw 3'])
    t.equal(calls(), 3)
    t.equal(listener.events.filter(({ type }) => type === 'set').length, 0)
  }
})

t.test('a Response that may not be stored has each of its headers once', async (t) => {
  for (const body of [null, 'text']) {
    const headers = { 'set-cookie': 'a=b' }
    const { get } = await createTestApp(t, 300, () => new Response(body, { status: 202, headers }))
    t.match(await get(), { statusCode: 202, body: body ?? '', headers: { 'set-cookie': 'a=b' } })
  }
})
