import caching from '@fastify/caching'
import Fastify from 'fastify'
import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'

async function appWithDefault () {
  const app = Fastify()
  await app.register(caching, { privacy: caching.privacy.NOCACHE })
  return app
}

t.test('a default Cache-Control of an earlier onSend hook does not outrank the ttl of a route', async (t) => {
  const { get } = await createTestApp(t, 60, undefined, { app: await appWithDefault() })
  const headers = { 'cache-control': 'max-age=60' }
  t.match(await get(), { body: 'call 1', status: 'fwd=uri-miss; stored; ttl=60', headers })
  t.match(await get(), { body: 'call 1', status: 'hit; ttl=60', headers })
})

t.test('the handler\'s own Cache-Control outranks that default', async (t) => {
  const { get } = await createTestApp(t, 60, (_request, reply) => reply.header('cache-control', 'private').send('x'), {
    app: await appWithDefault()
  })
  t.match(await get(), { status: 'fwd=uri-miss; detail=private', headers: { 'cache-control': 'private' } })
})

t.test('without a ttl the default is the response\'s own Cache-Control', async (t) => {
  const { get } = await createTestApp(t, {}, undefined, { app: await appWithDefault() })
  t.match(await get(), { status: 'fwd=uri-miss; detail=no-cache', headers: { 'cache-control': 'no-cache' } })
})

t.test('a response that is not stored gets no-cache, or no-store if it is an error', async (t) => {
  const { get } = await createTestApp(t, 60, (_request, reply, call) => reply.code(call === 1 ? 201 : 404).send('x'))
  t.match(await get(), { statusCode: 201, headers: { 'cache-control': 'no-cache' } })
  t.match(await get(), { statusCode: 404, headers: { 'cache-control': 'no-store' } })
})
