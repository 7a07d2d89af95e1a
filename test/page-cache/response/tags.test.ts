import Fastify from 'fastify'
import t from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { createTestApp, type Handler, sendRequest } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

type FindTags = Extract<CachePageOptions['tags'], Function>

/** An app that logs errors, and the messages that it has logged. */
function createLoggingApp () {
  const lines: Array<{ msg: string, err: { message: string } }> = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  return { app: Fastify({ logger: { level: 'error', stream } }), lines }
}

const count: Handler = (_request, _reply, call) => `call ${call}`

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    t.test('a function of the route names the tags of each response', async (t) => {
      for (const tags of [
        ({ query }: { query: { id: string } }) => [`post-${query.id}`],
        async ({ query }: { query: { id: string } }) => await Promise.resolve([`post-${query.id}`, 'posts'])
      ]) {
        const { get, cache } = await createTestApp(t, { ttl: 60, tags }, count, { store })
        await get({}, { url: '/page?id=1' })
        t.match(await get({}, { url: '/page?id=2' }), {
          status: /stored/, headers: { 'cache-control': 'max-age=0, must-revalidate' }
        })
        await cache.invalidateTags(['post-1'])
        t.match(await get({}, { url: '/page?id=1' }), { body: 'call 3', status: /fwd=stale.*invalidated/ })
        t.match(await get({}, { url: '/page?id=2' }), {
          body: 'call 2', status: /^hit/, headers: { 'cache-control': 'max-age=0, must-revalidate' }
        })
      }
    })

    t.test('names in Cache-Groups are tags for invalidateTags too', async (t) => {
      const { get, cache } = await createTestApp(t, 60, (_request, reply) =>
        reply.header('cache-groups', `"news", "", "${'x'.repeat(2000)}"`).send('page'), { store })
      for (const [tag, ends] of [['news', true], ['new', false], ['x', false]] as const) {
        await get()
        await cache.invalidateTags([tag])
        t.match(await get(), { status: ends ? /invalidated/ : /^hit/ }, tag)
      }
    })
  })
}

t.test('the function sees the reply, and runs only before a response is stored', async (t) => {
  const seen: unknown[] = []
  const tags: FindTags = ({ url }, reply) => {
    seen.push([url, reply.statusCode, reply.getHeader('x-made')])
    return []
  }
  const { get } = await createTestApp(t, { ttl: 60, tags }, (request, reply) => {
    reply.header('x-made', 'yes')
    if (request.url === '/page?private') reply.header('cache-control', 'private')
    if (request.url === '/page?missing') reply.code(404)
    return reply.send('page')
  })
  for (const url of ['/page', '/page', '/page?private', '/page?missing']) await get({}, { url })
  await get({}, { method: 'HEAD' })
  t.strictSame(seen, [['/page', 200, 'yes']])
})

t.test('what the function reads counts as read for the response', async (t) => {
  const read = (tags: FindTags) => createTestApp(t, { ttl: 60, tags }, count)
  const byHeader = await read(({ headers }) => [`tenant-${headers['x-tenant']}`])
  t.match(await byHeader.get({ 'x-tenant': 'a' }), { headers: { vary: 'x-tenant' } })
  t.match(await byHeader.get({ 'x-tenant': 'b' }), { body: 'call 2' })
  t.match(await byHeader.get({ 'x-tenant': 'a' }), { body: 'call 1', status: /^hit/ })

  const byCookie = await read(async ({ headers }) => await Promise.resolve([`user-${headers.cookie}`]))
  t.match(await byCookie.get({ cookie: 'sid=1' }), { status: /detail=cookie$/ })
  t.match(await byCookie.get({ cookie: 'sid=2' }), { body: 'call 2' })

  const byAddress = await read(({ ip }) => [`ip-${ip}`])
  t.match(await byAddress.get(), { status: /detail=client-address-read$/ })

  const byValue = await read(async () => [await byValue.cache.getOrSet('tag', () => 'a', { tags: ['source'] })])
  await byValue.get()
  await byValue.cache.invalidateTags(['source'])
  t.match(await byValue.get(), { body: 'call 2', status: /invalidated/ })
})

t.test('a function that fails costs the storing, and not the response', async (t) => {
  const failures: Array<[() => unknown, RegExp]> = [
    [() => { throw new Error('no tags') }, /^no tags$/],
    [async () => await Promise.reject(new Error('no tags')), /^no tags$/],
    [() => 'a', /^The value of tags must be an array of strings, but is "a"\.$/],
    [() => undefined, /^The value of tags must be an array/],
    [() => [''], /^A tag must be a non-empty string/]
  ]
  for (const [tags, message] of failures) {
    const { app, lines } = createLoggingApp()
    const { get } = await createTestApp(t, { ttl: 60, tags: tags as FindTags }, count, { app })
    t.match(await Promise.all([get(), get()]), [
      { statusCode: 200, status: 'fwd=uri-miss; detail=tags-failed' },
      { statusCode: 200, status: /^fwd=uri-miss; detail=/ }
    ])
    t.match(await get(), { body: 'call 3' })
    t.match(lines[0], { msg: /^The option tags of the route failed/, err: { message } })
  }
})

t.test('a response waits for its tags for at most 60 s, and is then sent without being stored', async (t) => {
  const { app, lines } = createLoggingApp()
  const called = Promise.withResolvers<void>()
  const tags = async () => {
    called.resolve()
    return await new Promise<string[]>(() => {})
  }
  const { get } = await createTestApp(t, { ttl: 60, tags }, count, { app })
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const response = get()
  await called.promise
  t.clock.advance(60_000)
  t.match(await response, { body: 'call 1', status: 'fwd=uri-miss; detail=tags-failed' })
  t.match(lines, [{ err: { message: 'It takes longer than 60 s.' } }])
})

t.test('a response that is revalidated gets new tags', async (t) => {
  let version = 1
  const options = { ttl: 10, staleWhileRevalidate: 100, tags: () => [`v${version}`] }
  const { get, clock, cache, listener } = await createTestApp(t, options, count)
  await get()
  version = 2
  clock.advance(11)
  t.match(await get(), { body: 'call 1', status: /^hit/ })
  await listener.heard('set', 2)
  await cache.invalidateTags(['v1'])
  t.match(await get(), { body: 'call 2', status: /^hit/ })
  await cache.invalidateTags(['v2'])
  t.match(await get(), { body: 'call 3' })
})

t.test('typed handlers and the tags of their requests agree', async (t) => {
  const { app, cache } = await createTestApp(t, 60)
  app.get<{ Params: { id: number } }>('/posts/:id', {
    schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } },
    config: { cachePage: { ttl: 60, tags: (request) => [`post-${request.params.id + 1}`] } }
  }, async ({ params }) => params.id)
  await sendRequest(app, { url: '/posts/1' })
  await cache.invalidateTags(['post-2'])
  t.match(await sendRequest(app, { url: '/posts/1' }), { status: /invalidated/ })
})
