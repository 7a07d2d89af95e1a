import cookie from '@fastify/cookie'
import session from '@fastify/session'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { ask, site } from './page-site.ts'

const PLUGINS: Record<string, (app: FastifyInstance) => unknown> = {
  cookie: (app) => app.register(cookie),
  session: async (app) => {
    await app.register(cookie)
    await app.register(session, {
      secret: 'a secret of at least thirty-two characters', saveUninitialized: false, cookie: { secure: false }
    })
  }
}

type Seen = FastifyRequest & { user?: unknown }
const cookies = (request: FastifyRequest) => request.cookies as Record<string, string | undefined>

t.test('cookies: the page varies by these, and nothing else sees the others', async (t) => {
  for (const plugin of Object.keys(PLUGINS)) {
    for (const place of ['before', 'after'] as const) {
      const setting = { [place]: async (app: FastifyInstance) => { await PLUGINS[plugin]!(app) } }
      const { app, calls } = await site(t, { ttl: 300, cookies: ['lang'] }, (request) => JSON.stringify([
        { ...request.cookies }, request.headers.cookie, request.raw.rawHeaders.filter((text) => text.includes('='))
      ]), setting)
      const first = await ask(app, { cookie: '_ga=1; lang=de; user=alice' })
      t.equal(first.body, '[{"lang":"de"},"lang=de",["lang=de"]]', `${plugin} ${place}`)
      t.match(first.headers, { 'cache-status': /detail=all-headers-read/ })
      const plain = await site(t, { ttl: 300, cookies: ['lang'] }, (request) => String(cookies(request).lang), setting)
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
  const none = await site(t, { ttl: 300, cookies: [] }, ({ headers }, reply) =>
    reply.header('vary', 'cookie').send(String(headers.cookie)), { after: (app) => app.register(cookie) })
  t.match(await ask(none.app, { cookie: 'a=1' }), { body: 'undefined', status: /; stored/ })
  t.match(await ask(none.app, { cookie: 'a=2' }), { body: 'undefined', status: /; hit/ })
  const bad = Fastify()
  await t.rejects(async () => await site(t, { cookies: ['a b'] }, undefined, { app: bad }), {
    message: /^The option cookies in cachePage of \/page must be an array of cookie names/
  })
})

/** Ways in which a hook that runs before the page cache gets to a cookie that is hidden later. */
const EARLIER: Record<string, (request: Seen) => () => unknown> = {
  'reads one cookie': (request) => {
    const { user } = cookies(request)
    return () => user
  },
  'reads the header': ({ headers: { cookie } }) => () => cookie,
  'copies the headers': (request) => {
    const headers = { ...request.headers }
    return () => headers.cookie
  },
  'keeps rawHeaders': ({ raw: { rawHeaders } }) => () => rawHeaders.filter((text) => text.includes('=')),
  'keeps request.cookies': (request) => {
    const all = cookies(request)
    return () => all.user
  },
  'keeps request.cookies, of which all are read': (request) => {
    const all = cookies(request)
    return () => Object.values(all)
  },
  'keeps headers that it replaces': ({ raw }) => {
    const { headers } = raw
    raw.headers = { host: 'a' }
    return () => headers.cookie
  }
}

/** `Cache-Control` of a response, and the option `cookies` of its route. */
const LIFETIMES: Array<[cacheControl: string, ...cookies: string[]]> = [
  ['', 'lang'], ['max-age=60', 'lang'], ['public, max-age=60', 'lang'], ['public, max-age=60']
]

t.test('cookies: what an earlier hook has of the hidden cookies counts, since the page may show it', async (t) => {
  for (const [way, keep] of Object.entries(EARLIER)) {
    for (const [lifetime, ...cookies] of LIFETIMES) {
      const { app } = await site(t, { ttl: 300, cookies }, (request, reply) => {
        if (lifetime !== '') reply.header('cache-control', lifetime)
        return reply.send(`for ${String((request as { read?: () => unknown }).read!())}`)
      }, {
        before: async (app) => {
          await app.register(cookie)
          app.addHook('onRequest', async (request) => { Object.assign(request, { read: keep(request) }) })
        }
      })
      for (const user of ['alice', 'bob']) {
        const { body, status } = await ask(app, { cookie: `lang=de; user=${user}` })
        t.match(body, user, `${way} ${lifetime}`)
        if (!lifetime.startsWith('public')) t.match(status, /detail=(?:cookie|all-headers-read)/, `${way} ${lifetime}`)
      }
    }
  }
})

t.test('cookies: an earlier hook that reads only listed cookies does no harm', async (t) => {
  const { app } = await site(t, { ttl: 300, cookies: ['lang'] }, (request) => `in ${String((request as Seen).user)}`, {
    before: async (app) => {
      await app.register(cookie)
      app.addHook('onRequest', async (request) => { Object.assign(request, { user: cookies(request).lang }) })
    }
  })
  t.match(await ask(app, { cookie: 'lang=de; user=alice' }), { body: 'in de', status: /; stored/ })
  t.match(await ask(app, { cookie: 'lang=de; user=bob' }), { body: 'in de', status: /; hit/ })
})

t.test('cookies: a handler that copies all headers gets the listed cookies only, so its page is stored', async (t) => {
  const { app } = await site(t, { ttl: 300, cookies: ['lang'] }, (request, reply) => {
    const { cookie } = { ...request.headers }
    return reply.header('cache-control', 'max-age=60').send(String(cookie))
  })
  t.match(await ask(app, { cookie: 'lang=de; user=alice' }), { body: 'lang=de', status: /; stored/ })
  t.match(await ask(app, { cookie: 'lang=de; user=bob' }), { body: 'lang=de', status: /; hit/ })
})
