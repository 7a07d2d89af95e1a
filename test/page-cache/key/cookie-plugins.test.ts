import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import secureSession from '@fastify/secure-session'
import session from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { ask, type Handler, site } from './page-site.ts'

const SECRET = 'a secret of at least thirty-two characters'

const PLUGINS: Record<string, (app: FastifyInstance) => unknown> = {
  cookie: (app) => app.register(cookie, { secret: SECRET }),
  session: async (app) => {
    await app.register(cookie)
    await app.register(session, { secret: SECRET, saveUninitialized: false, cookie: { secure: false } })
  },
  'secure-session': (app) => app.register(secureSession, { key: Buffer.alloc(32, 1) }),
  helmet: (app) => app.register(helmet)
}

type Place = 'before' | 'after'
const PLACES: Place[] = ['before', 'after']

async function build (
  t: Test, plugin: string, place: Place, handler?: Handler, cachePage: CachePageOptions | number = 300
) {
  return await site(t, cachePage, handler, {
    [place]: async (app: FastifyInstance) => { await PLUGINS[plugin]!(app) }
  })
}

const cookies = (request: FastifyRequest) => request.cookies as Record<string, string | undefined>

t.test('a cookie that no code reads does no harm, whatever plugin parses cookies', async (t) => {
  for (const plugin of Object.keys(PLUGINS)) {
    for (const place of PLACES) {
      const { app, calls } = await build(t, plugin, place)
      await ask(app, { cookie: '_ga=1' })
      t.match(await ask(app, { cookie: '_ga=2' }), { body: 'call 1', status: /; hit/ }, `${plugin} ${place}`)
      t.match(await ask(app), { body: 'call 1', status: /; hit/ }, `${plugin} ${place}`)
      t.equal(calls(), 1)
    }
  }
})

t.test('only the cookies that are read count', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    get: (request) => cookies(request).user,
    in: (request) => 'user' in request.cookies,
    hasOwn: (request) => Object.hasOwn(request.cookies, 'user'),
    signed: (request) => request.unsignCookie(cookies(request).user ?? '').value
  }
  for (const [way, read] of Object.entries(ways)) {
    for (const place of PLACES) {
      const { app } = await build(t, 'cookie', place, (request) => `for ${String(read(request))}`)
      t.match(await ask(app, { cookie: '_ga=1' }), { status: /; stored/, headers: { vary: 'cookie' } }, way)
      t.match(await ask(app, { cookie: '_ga=2' }), { status: /; hit/ }, way)
      t.match(await ask(app, { cookie: '_ga=1; user=alice' }), { status: /detail=cookie/ }, way)
      t.match(await ask(app, { cookie: 'user=bob' }), { status: /detail=cookie/ }, way)
    }
  }
})

t.test('all cookies count if they are read together, or by the header', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    keys: (request) => Object.keys(request.cookies),
    spread: (request) => ({ ...request.cookies }),
    clone: (request) => structuredClone(request.cookies),
    header: (request) => request.headers.cookie
  }
  for (const [way, read] of Object.entries(ways)) {
    const { app } = await build(t, 'cookie', 'before', (request) => JSON.stringify(read(request)) ?? 'none')
    await ask(app)
    t.match(await ask(app, { cookie: 'a=1' }), { status: /detail=cookie/ }, way)
  }
  const { app } = await site(t, 300, undefined, {
    before: async (app) => {
      app.addHook('onRequest', async (request) => { Object.assign(request.raw, { user: request.headers.cookie }) })
      await app.register(cookie)
    }
  })
  t.match(await ask(app, { cookie: 'a=1' }), { status: /detail=cookie/ }, 'a hook reads the header beside the plugin')
})

t.test('a page that reads the session is not shared between sessions', async (t) => {
  for (const [plugin, name] of [['session', 'sessionId'], ['secure-session', 'session']] as const) {
    for (const place of PLACES) {
      const { app } = await build(t, plugin, place, (request) =>
        `for ${String((request as unknown as { session: { user?: string } }).session.user)}`)
      await ask(app, { cookie: '_ga=1' })
      t.match(await ask(app, { cookie: '_ga=2' }), { body: 'for undefined', status: /; hit/ })
      t.match(await ask(app, { cookie: `${name}=x` }), { status: /detail=(?:cookie|set-cookie)/ }, `${plugin} ${place}`)
    }
  }
})

t.test('cookies: the page varies by these, and nothing else sees the others', async (t) => {
  for (const plugin of ['cookie', 'session']) {
    for (const place of PLACES) {
      const { app, calls } = await build(t, plugin, place, (request) => JSON.stringify([
        { ...request.cookies }, request.headers.cookie, request.raw.rawHeaders.filter((text) => text.includes('='))
      ]), { ttl: 300, cookies: ['lang'] })
      const first = await ask(app, { cookie: '_ga=1; lang=de; user=alice' })
      t.equal(first.body, '[{"lang":"de"},"lang=de",["lang=de"]]', `${plugin} ${place}`)
      t.match(first.headers, { 'cache-status': /detail=all-headers-read/ })
      const plain = await build(t, plugin, place, (request) => String(cookies(request).lang), {
        ttl: 300, cookies: ['lang']
      })
      t.match(await ask(plain.app, { cookie: '_ga=1; lang=de' }), {
        body: 'de', status: /; stored/, headers: { vary: 'cookie' }
      })
      t.match(await ask(plain.app, { cookie: 'lang=de; user=bob' }), { body: 'de', status: /; hit/ })
      t.match(await ask(plain.app, { cookie: 'lang=fr' }), { body: 'fr', status: /vary-miss; stored/ })
      t.match(await ask(plain.app), { body: 'undefined', status: /vary-miss; stored/ })
      t.equal(plain.calls(), 3)
      t.equal(calls(), 1)
    }
  }
  const none = await build(t, 'cookie', 'after', ({ headers }, reply) =>
    reply.header('vary', 'cookie').send(String(headers.cookie)), { ttl: 300, cookies: [] })
  t.match(await ask(none.app, { cookie: 'a=1' }), { body: 'undefined', status: /; stored/ })
  t.match(await ask(none.app, { cookie: 'a=2' }), { body: 'undefined', status: /; hit/ })
  const bad = Fastify()
  await t.rejects(async () => await site(t, { cookies: ['a b'] }, undefined, { app: bad }), {
    message: /^The option cookies in cachePage of \/page must be an array of cookie names/
  })
})

t.test('a hook before that has read another cookie counts, since the page may show it', async (t) => {
  const { app } = await site(t, { ttl: 300, cookies: ['lang'] }, (request) =>
    `for ${String((request as FastifyRequest & { user?: string }).user)}`, {
    before: async (app) => {
      await app.register(cookie)
      app.addHook('onRequest', async (request) => { Object.assign(request, { user: cookies(request).user }) })
    }
  })
  for (const user of ['alice', 'bob']) {
    t.equal((await ask(app, { cookie: `lang=de; user=${user}` })).body, `for ${user}`)
  }
})

t.test('the key may be made of one cookie', async (t) => {
  const { app } = await build(t, 'cookie', 'before', (request) => String(cookies(request).lang), {
    ttl: 300, key: (request) => String(cookies(request).lang)
  })
  t.match(await ask(app, { cookie: 'lang=de; a=1' }), { body: 'de', status: /; stored/, headers: { vary: 'cookie' } })
  t.match(await ask(app, { cookie: 'lang=de; a=2' }), { body: 'de', status: /; hit/ })
  t.match(await ask(app, { cookie: 'lang=fr' }), { body: 'fr', status: /; stored/ })
})
