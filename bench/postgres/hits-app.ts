import Fastify from 'fastify'
import pg from 'pg'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { postgresClock } from '../../src/larder/postgres.ts'
import pageCache from '../../src/page-cache/index.ts'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'

/*
 * Serves a cached page whose hits are checked against PostgreSQL, and bare routes that send the same bytes. Argument:
 * the connection, as JSON.
 */

const pool = new pg.Pool(JSON.parse(process.argv[2]!))
const clock = await postgresClock(pool)
clock.watch(pool)
const app = Fastify()

await app.register(async (app) => {
  await app.register(pageCache, { cache: createCache({ store: memoryStore(), versions: clock.versions }) })
  app.get('/page', { config: { cachePage: 3600 } }, async (_request, reply) => {
    countRun()
    await pool.query('SELECT * FROM notes WHERE id = 1')
    return reply.type(HTML).send(PAGE)
  })
})

/** The headers of a hit, except those that Node and Fastify add to every response. */
let fields: Record<string, string> = {}
app.get('/bare', (_request, reply) => { reply.headers(fields).send(PAGE) })
app.get('/bare/turn', (_request, reply) => { setImmediate(() => { reply.headers(fields).send(PAGE) }) })

let headers: Record<string, unknown> = {}
do ({ headers } = await app.inject('/page')) // until what it reads is known, the page is not stored
while (!String(headers['cache-status']).startsWith('larder; hit'))
const { date, connection, 'content-length': length, ...others } = headers
fields = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, String(value)]))

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
