import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import secureSession from '@fastify/secure-session'
import session from '@fastify/session'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { inEachOrder, type PluginApp } from './orders.ts'

/* Plugins that recognise visitors: no visitor gets the page, the cookie or the token of another one. */

const SECRET = 'a secret of at least thirty-two characters'

interface Visit { user?: string }
type Session = Visit & { set? (name: string, value: string): void }
const visit = ({ session }: FastifyRequest) => session as unknown as Session

/** Routes that do not touch the session, read it, and change it. */
function declareRoutes (app: FastifyInstance): void {
  let calls = 0
  app.get('/public', { config: { cachePage: {} } }, async () => `call ${++calls}`)
  app.get('/personal', { config: { cachePage: {} } }, async (request) => `for ${visit(request).user}`)
  app.get('/login', { config: { cachePage: {} } }, async (request) => {
    const { user } = request.query as { user: string }
    const visited = visit(request)
    if (visited.set === undefined) visited.user = user
    else visited.set('user', user)
    return `welcome ${user}`
  })
}

/** Logs in, and returns the cookie. */
async function logIn ({ get }: PluginApp, user: string): Promise<string> {
  const response = await get(`/login?user=${user}`)
  const [sent] = [response.headers['set-cookie']].flat() as string[]
  return sent!.split(';')[0]!
}

async function checkVisitors (t: Test, created: PluginApp): Promise<void> {
  const { get } = created
  const [alice, bob] = [await logIn(created, 'alice'), await logIn(created, 'bob')]
  t.not(alice, bob)
  t.not(await logIn(created, 'alice'), alice, 'the same login again gets a cookie of its own')
  for (const [cookie, name] of [[alice, 'alice'], [bob, 'bob'], [alice, 'alice'], ['', 'undefined']] as const) {
    const response = await get('/personal', cookie === '' ? {} : { cookie })
    t.match(response, { body: `for ${name}` }, response.status)
  }
  for (const url of ['/personal', '/login?user=alice']) {
    t.notMatch(await get(url, { cookie: bob }), { body: /alice/, status: /^hit/ }, url)
  }
  t.notOk((await get('/public')).headers['set-cookie'])
  t.match(await get('/public'), { body: 'call 1', status: /^hit/ }, 'visitors without a session share a page')
  for (const cookie of [alice, bob]) t.notMatch((await get('/public', { cookie })).status, /stored/, 'the plugin reads it')
}

inEachOrder(t, '@fastify/session', {
  plugin: async (app) => {
    await app.register(cookie)
    await app.register(session, { secret: SECRET, saveUninitialized: false, cookie: { secure: false } })
  },
  routes: declareRoutes
}, checkVisitors)

inEachOrder(t, '@fastify/session that gives each visitor a session', {
  plugin: (app) => {
    app.register(cookie)
    return app.register(session, { secret: SECRET, cookie: { secure: false } })
  },
  routes: declareRoutes
}, async (t, { get }) => {
  const ids = new Set<unknown>()
  for (let i = 0; i < 3; i++) {
    const { headers, status } = await get('/public')
    t.notMatch(status, 'hit')
    ids.add(headers['set-cookie'])
  }
  t.equal(ids.size, 3, 'each visitor gets a session')
})

inEachOrder(t, '@fastify/secure-session', {
  plugin: (app) => app.register(secureSession, { key: Buffer.alloc(32, 1) }),
  routes: declareRoutes
}, checkVisitors)

inEachOrder(t, '@fastify/csrf-protection', {
  plugin: (app) => {
    app.register(cookie)
    return app.register(csrf)
  },
  routes: (app) => {
    app.get('/form', { config: { cachePage: {} } }, async (_request, reply) => reply.generateCsrf())
    app.register(async (app) => {
      app.post('/form', { onRequest: app.csrfProtection }, async () => 'accepted')
    })
  }
}, async (t, { get }) => {
  const tokens = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const { body: token, headers, status } = await get('/form')
    t.notMatch(status, 'hit')
    tokens.add(token)
    const [cookie] = String(headers['set-cookie']).split(';') as [string]
    t.match(await get('/form', { cookie, 'csrf-token': token }, { method: 'POST' }), { body: 'accepted' })
    // A visitor who has a secret already.
    const again = await get('/form', { cookie })
    t.notMatch(again.status, 'hit')
    tokens.add(again.body)
    t.match(await get('/form', { cookie: '_csrf=other', 'csrf-token': token }, { method: 'POST' }), { statusCode: 403 })
  }
  t.equal(tokens.size, 4)
})

inEachOrder(t, '@fastify/cookie: a signed cookie that a page sets is not shared', {
  plugin: (app) => app.register(cookie, { secret: SECRET }),
  routes: (app) => {
    let calls = 0
    app.get('/page', { config: { cachePage: {} } }, async (_request, reply) =>
      await reply.setCookie('visit', String(++calls), { signed: true }).send('page'))
  }
}, async (t, { get }) => {
  const first = await get()
  t.match(first, { status: /detail=set-cookie$/ })
  t.not((await get()).headers['set-cookie'], first.headers['set-cookie'])
})
