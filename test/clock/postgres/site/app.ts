import { sql, type SQL } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import Fastify from 'fastify'
import pg from 'pg'
import larder from '../../../../src/larder/index.ts'
import { postgresClock } from '../../../../src/larder/postgres.ts'

/*
 * A process of an application that caches pages about cells. Its environment: SITE_DATABASE, options of the pool as
 * JSON; REDIS_URL; SITE_HOST.
 */

const pool = new pg.Pool({
  max: 4,
  connectionTimeoutMillis: 1_000,
  query_timeout: 1_000,
  ...JSON.parse(process.env.SITE_DATABASE!) as pg.PoolConfig
})
pool.on('error', () => {}) // the query fails, and the next one connects again
pool.on('connect', (client) => { client.on('error', () => {}) })

const app = Fastify({ forceCloseConnections: true })
const clock = await postgresClock(pool)
const db = drizzle({ client: pool, logger: clock.logger })
app.setErrorHandler((error, _request, reply) => reply.code(503).send({ error: (error as Error).message }))
await app.register(larder, { clock, redis: process.env.REDIS_URL!, ttl: '1m' })
await app.register(async (app) => {
  const config = { cachePage: '1m' }
  const sum = async (condition: SQL) => {
    const { rows } = await db.execute<{ n: number }>(sql`SELECT sum(n)::int AS n FROM cells WHERE ${condition}`)
    return rows[0]
  }
  type Numbered = { Params: { number: number } }
  app.get<Numbered>('/cells/:number', { config }, ({ params }) => sum(sql`id = ${params.number}`))
  app.get<Numbered>('/groups/:number', { config }, ({ params }) => sum(sql`grp = ${params.number}`))
  app.get('/all', { config }, () => sum(sql`true`))
})
console.log(`listening at ${await app.listen({ host: process.env.SITE_HOST ?? '127.0.0.1', port: 0 })}`)
