import type { IncomingMessage } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import { ask, site } from './page-site.ts'

type Log = (request: FastifyRequest, reply: FastifyReply) => void

/** Ways to write a log line about a request, with Fastify's own serializers. */
const WAYS: Record<string, Log> = {
  'a request of Fastify': (request) => request.log.info({ req: request }, 'seen'),
  'a request of Node': (request) => request.log.info({ req: request.raw }, 'seen'),
  'a reply of Fastify': (request, reply) => request.log.info({ res: reply }, 'seen'),
  'the log of the application': (request) => request.server.log.info({ req: request.raw }, 'seen'),
  'a child with a request': (request) => request.log.child({ req: request.raw }).info('seen'),
  'a log whose level is changed': (request) => {
    request.log.level = 'debug'
    request.log.debug({ req: request.raw }, 'seen')
  }
}

/** Ways by which functions of the application read a request for its log. They may keep what they have read. */
const OWN_WAYS: Record<string, (request: FastifyRequest, tenantOf: (raw: object) => string) => void> = {
  'a child with serializers': (request, tenantOf) => {
    request.log.child({}, { serializers: { req: ({ raw }: FastifyRequest) => tenantOf(raw) } }).info({ req: request })
  },
  'a child with a getter': (request, tenantOf) => {
    request.log.child({ get tenant () { return tenantOf(request.raw) } }).info('seen')
  },
  'a value of a line': (request, tenantOf) => request.log.info({ tenant: tenantOf(request.raw) })
}

/** Writes log lines to a list. */
function logTo (lines: string[]): FastifyInstance {
  return Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(line) } } } })
}

t.test('what a log line reads of a request does not count', async (t) => {
  for (const [way, log] of Object.entries(WAYS)) {
    for (const place of ['handler', 'before', 'after'] as const) {
      const lines: string[] = []
      const { app } = await site(t, 300, (request, reply) => {
        if (place === 'handler') log(request, reply)
        return 'page'
      }, {
        app: logTo(lines),
        ...place !== 'handler' && {
          [place]: (app: FastifyInstance) => app.addHook('onRequest', async (request, reply) => log(request, reply))
        }
      })
      const first = await ask(app, { cookie: 'a=1' })
      t.match(first, { status: /; stored/ }, `${way}, ${place}`)
      t.notOk('vary' in first.headers, `${way}, ${place}`)
      t.match(await ask(app, { cookie: 'a=2' }), { status: /; hit/ }, `${way}, ${place}`)
      t.ok(lines.some((line) => line.includes('seen')), `${way}, ${place}`)
    }
  }
})

/** Returns a helper that reads the tenant of a request once. */
function memoizeTenant (): (raw: object) => string {
  const tenants = new WeakMap<object, string>()
  return (raw) => {
    if (!tenants.has(raw)) tenants.set(raw, String((raw as IncomingMessage).headers['x-tenant']))
    return tenants.get(raw)!
  }
}

t.test('what functions of the application read for its log counts', async (t) => {
  for (const [way, log] of Object.entries(OWN_WAYS)) {
    const tenantOf = memoizeTenant()
    const { app } = await site(t, 300, (request) => {
      log(request, tenantOf)
      return tenantOf(request.raw)
    }, { app: logTo([]) })
    for (const tenant of ['ann', 'bob']) {
      t.match(await ask(app, { 'x-tenant': tenant }), { body: tenant, headers: { vary: 'x-tenant' } }, way)
    }
  }
})

t.test('what a serializer of the application reads counts', async (t) => {
  const tenantOf = memoizeTenant()
  const { app } = await site(t, 300, (request) => tenantOf(request.raw), {
    app: Fastify({
      logger: {
        level: 'info',
        serializers: { req: ({ raw }: FastifyRequest) => ({ tenant: tenantOf(raw) }) },
        stream: { write () {} }
      }
    })
  })
  for (const tenant of ['ann', 'bob']) t.match(await ask(app, { 'x-tenant': tenant }), { body: tenant })
})

t.test('a read beside the log counts, also after a line that fails', async (t) => {
  const { app } = await site(t, 300, (request) => {
    try {
      request.log.child({}, { serializers: { req () { throw new Error('no') } } }).info({ req: request })
    } catch {}
    return String(request.headers['x-lang'])
  }, { app: logTo([]) })
  for (const lang of ['de', 'en']) {
    t.match(await ask(app, { 'x-lang': lang }), { body: lang, headers: { vary: 'x-lang' } })
  }
})

t.test('a logger that is none of pino works as well; what it reads counts', async (t) => {
  const log = (line: unknown) => { String((line as { req?: FastifyRequest }).req?.headers['x-lang']) }
  const logger = { level: 'info', info: log, error: log, debug: log, fatal: log, warn: log, trace: log, silent: log }
  const loggerInstance = { ...logger, child: () => ({ ...logger, child: () => logger }) }
  const { app } = await site(t, 300, (request) => {
    request.log.info({ req: request })
    return 'page'
  }, { app: Fastify({ loggerInstance: loggerInstance as never }) as unknown as FastifyInstance })
  t.match(await ask(app), { headers: { vary: 'x-lang' } })
})
