import compress from '@fastify/compress'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import type { TestAppOptions } from '../../support/create-test-app.ts'
import { ask, type Handler, site } from './page-site.ts'

type Raw = FastifyRequest['raw'] & { seen?: unknown }
const show: Handler = ({ raw }) => `as ${String((raw as Raw).seen)}`
const reading = (name: string) => (app: FastifyInstance) => {
  app.addHook('onRequest', async ({ raw }) => { (raw as Raw).seen = raw.headers[name] })
}

const NAMES = ['accept-version', 'content-type', 'content-encoding', 'content-language', 'content-location']

t.test('a page varies by headers of a version or a body that a hook reads', async (t) => {
  for (const name of NAMES) {
    for (const place of ['before', 'after'] as const) {
      const { app } = await site(t, 300, show, { [place]: reading(name) })
      for (const value of ['a', 'b', undefined, 'a']) {
        const headers = value === undefined ? undefined : { [name]: value }
        t.match(await ask(app, headers), { body: `as ${value}`, headers: { vary: name } }, `${name} ${place}`)
      }
      t.match(await ask(app), { status: /; hit/ }, `${name} ${place}`)
    }
  }
})

t.test('it varies by the encoding of a body that a hook or the handler reads beside @fastify/compress', async (t) => {
  for (const hook of ['onRequest', 'preParsing', 'preHandler'] as const) {
    for (const decompress of [undefined, false as const]) {
      const { app } = await site(t, 300, show, {
        before: async (app) => {
          await app.register(compress, { globalDecompression: decompress ?? true })
          app.addHook(hook as 'onRequest', async ({ raw }) => {
            Object.assign(raw, { seen: [raw.headers['content-encoding'], raw.headers['content-encoding']].at(-1) })
          })
        }
      })
      t.match(await ask(app), { body: 'as undefined', headers: { vary: 'content-encoding' } }, hook)
    }
  }
  const { app } = await site(t, 300, ({ headers }) => String(headers['content-encoding']), {
    before: (app) => app.register(compress, { globalDecompression: false })
  })
  t.match(await ask(app), { body: 'undefined', headers: { vary: 'content-encoding' } })
})

/** A page for version 1, with a hook or a setting that reads the header. */
async function versioned (t: Parameters<typeof site>[0], app: FastifyInstance, hook?: (app: FastifyInstance) => void) {
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  hook?.(app)
  const config = { cachePage: 60 }
  app.get('/page', { config, constraints: { version: '1.2.0' } }, async ({ raw }) => `as ${String((raw as Raw).seen)}`)
  await app.ready()
  return app
}

t.test('the version by which the router has found the route makes no second page', async (t) => {
  const app = await versioned(t, Fastify())
  t.notOk('vary' in (await ask(app, { 'accept-version': '1.x' })).headers)
  t.match(await ask(app, { 'accept-version': '1.2.x' }), { status: /; hit/ })
})

t.test('the version counts if the application reads it too, even before the hooks', async (t) => {
  const note = (raw: Raw) => { raw.seen = raw.headers['accept-version'] }
  const ways: Record<string, () => [app: FastifyInstance, hook?: (app: FastifyInstance) => void]> = {
    'a hook': () => [Fastify(), reading('accept-version')],
    genReqId: () => [Fastify({ genReqId (raw) { note(raw as Raw); return 'id' } })],
    rewriteUrl: () => [Fastify({ rewriteUrl (raw) { note(raw as Raw); return raw.url! } })],
    'a constraint of its own': () => [Fastify({
      routerOptions: {
        constraints: {
          version: {
            name: 'version',
            storage: () => {
              const handlers: unknown[] = []
              return { get: () => handlers[0] ?? null, set: (_: unknown, handler: unknown) => handlers.push(handler) }
            },
            deriveConstraint (raw: Raw) { note(raw); return raw.seen }
          }
        }
      }
    } as object)]
  }
  for (const [way, make] of Object.entries(ways)) {
    const app = await versioned(t, ...make())
    for (const version of ['1.x', '1.2.x']) {
      t.match(await ask(app, { 'accept-version': version }), {
        body: `as ${version}`, headers: { vary: 'accept-version' }
      }, way)
    }
  }
})

t.test('requests without a page cache of an application with versions reach their handlers', async (t) => {
  const setting: TestAppOptions = { after: (app) => app.get('/plain', async () => 'plain') }
  const { app } = await site(t, 300, undefined, setting)
  t.equal((await app.inject({ url: '/plain', headers: { 'accept-version': '1' } })).body, 'plain')
})
