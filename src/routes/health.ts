import type { FastifyPluginCallback, FastifyReply } from 'fastify'
import Type from 'typebox'
import type { Database } from '../db/index.ts'
import { resolveRetryAfter } from '../errors.ts'

const Status = Type.Object({ status: Type.String() })
const tags = ['health']

/**
 * `/healthz`: the process is alive. `/readyz`: the database responds. It says so if the database is read-only, since
 * only reads are served then. A lost file is logged by the database, once.
 *
 * Neither checks Redis, because the service works without it.
 */
export const health: FastifyPluginCallback<{ database: Database }> = (app, { database }, done) => {
  app.get('/healthz', {
    schema: { tags, summary: 'Alive', response: { 200: Status } }
  }, async () => ({ status: 'ok' }))

  const unready = (reply: FastifyReply) => reply.code(503).header('retry-after', resolveRetryAfter(undefined))
  app.get('/readyz', {
    schema: { tags, summary: 'Ready to serve', response: { 200: Status, 503: Status } }
  }, async (request, reply) => {
    try {
      const state = await database.checkState()
      return state === 'lost' ? unready(reply).send({ status: 'database file deleted or replaced' }) : { status: state }
    } catch (err) {
      request.log.error({ err }, 'database unavailable')
      return unready(reply).send({ status: 'database unavailable' })
    }
  })
  done()
}
