import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import secureSession from '@fastify/secure-session'
import session from '@fastify/session'
import type { FastifyInstance, FastifyRequest } from 'fastify'
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

t.test('the key may be made of one cookie', async (t) => {
  const { app } = await build(t, 'cookie', 'before', (request) => String(cookies(request).lang), {
    ttl: 300, key: (request) => String(cookies(request).lang)
  })
  t.match(await ask(app, { cookie: 'lang=de; a=1' }), { body: 'de', status: /; stored/, headers: { vary: 'cookie' } })
  t.match(await ask(app, { cookie: 'lang=de; a=2' }), { body: 'de', status: /; hit/ })
  t.match(await ask(app, { cookie: 'lang=fr' }), { body: 'fr', status: /; stored/ })
})

t.test('a hook that reads the header for itself, and assigns request.cookies, has read all cookies', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => void> = {
    'of its own': (request) => {
      const { cookie } = request.headers
      Object.assign(request, { user: cookie, cookies: {} })
    },
    'that it parses': (request) => {
      const { cookie } = request.headers
      Object.assign(request, { user: cookie, cookies: request.server.parseCookie(cookie ?? '') })
    }
  }
  for (const [way, read] of Object.entries(ways)) {
    const hook = (app: FastifyInstance) => app.addHook('onRequest', async (request) => read(request))
    const settings: Record<string, (app: FastifyInstance) => unknown> = {
      after: async (app) => { await app.register(cookie); hook(app) },
      before: async (app) => { hook(app); await app.register(cookie) },
      'without a hook of the plugin': async (app) => { await app.register(cookie, { hook: false }); hook(app) }
    }
    for (const [place, before] of Object.entries(settings)) {
      const { app } = await site(t, 300, (request) => `for ${String((request as { user?: string }).user)}`, { before })
      for (const user of ['user=alice', 'user=bob']) {
        t.match(await ask(app, { cookie: user }), { body: `for ${user}`, status: /detail=cookie/ }, `${way} ${place}`)
      }
    }
  }
})
