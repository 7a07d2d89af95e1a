import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import { ask, site } from './page-site.ts'

type Log = (request: FastifyRequest, reply: FastifyReply) => void

const serializers = {
  req: ({ ip, headers }: FastifyRequest) => ({ ip, agent: headers['user-agent'], cookie: headers.cookie }),
  request: ({ raw }: FastifyRequest) => ({ ...raw.headers, port: raw.socket.remotePort })
}

/** Ways to write a log line about a request. */
const WAYS: Record<string, Log> = {
  'a request of Fastify': (request) => request.log.info({ req: request }, 'seen'),
  'a request of Node': (request) => request.log.info({ req: request.raw }, 'seen'),
  'a request of Fastify alone': (request) => request.log.info(request, 'seen'),
  'a request of Node alone': (request) => request.log.info(request.raw, 'seen'),
  'a reply of Fastify': (request, reply) => request.log.info({ res: reply }, 'seen'),
  'a response of Node': (request, reply) => request.log.info(reply.raw, 'seen'),
  headers: (request) => request.log.info({ headers: request.headers }, 'seen'),
  'headers in a text': (request) => request.log.info('seen %o', request.headers),
  'the log of the application': (request) => request.server.log.info({ req: request.raw }, 'seen'),
  'a child with serializers': (request) => {
    request.log.child({}, { serializers }).info({ req: request, request }, 'seen')
  },
  'a child with another level': (request) => {
    request.log.child({}, { serializers, level: 'debug' }).debug({ req: request }, 'seen')
  },
  'a child with a request': (request) => request.log.child({ req: request.raw }).info('seen'),
  'a child with a request and serializers': (request) => {
    request.log.child({ req: request, request }, { serializers }).info('seen')
  },
  'a log whose level is changed': (request) => {
    request.log.level = 'debug'
    request.log.debug({ req: request.raw }, 'seen')
  }
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

t.test('serializers of a route, and functions of the application that write its log, do not count', async (t) => {
  const lines: string[] = []
  const methods: unknown[] = []
  const app = Fastify({
    logger: {
      level: 'info',
      serializers,
      hooks: { logMethod (args, method) { methods.push(args); method.apply(this, args) } },
      stream: { write: (line: string) => { lines.push(line) } }
    }
  })
  const { app: ready } = await site(t, 300, undefined, {
    app,
    after: (app) => {
      app.addHook('onRequest', async (request) => request.log.info({ request }, 'seen'))
      app.addHook('onRoute', (route) => { route.logSerializers = { ...serializers } })
    }
  })
  t.match(await ask(ready), { status: /; stored/ })
  t.match(await ask(ready, { cookie: 'a=1' }), { status: /; hit/ })
  t.ok(methods.length > 0)
  t.ok(lines.some((line) => line.includes('seen')))
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
