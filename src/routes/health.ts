import type { FastifyPluginCallback } from 'fastify'
import { sql } from 'drizzle-orm'
import Type from 'typebox'
import type { Database } from '../db/index.ts'

const Status = Type.Object({ status: Type.String() })

/** `/healthz`: the process is alive. `/readyz`: the database answers; Redis may be away, everything works without. */
export const health: FastifyPluginCallback<{ database: Database }> = (app, { database }, done) => {
  const tags = ['health']
  app.get('/healthz', { schema: { tags, summary: 'Alive', response: { 200: Status } } }, async () => ({ status: 'ok' }))

  app.get('/readyz', { schema: { tags, summary: 'Ready to serve', response: { 200: Status, 503: Status } } }, async (request, reply) => {
    try {
      database.sql.get(sql`SELECT 1 FROM products LIMIT 1`)
      return { status: 'ok' }
    } catch (err) {
      request.log.error({ err }, 'the database does not answer')
      return reply.code(503).send({ status: 'the database does not answer' })
    }
  })
  done()
}
