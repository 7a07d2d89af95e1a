import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import view from '@fastify/view'
import { Eta } from 'eta'
import fp from 'fastify-plugin'

const templates = fileURLToPath(new URL('../../templates', import.meta.url))

/** Eta templates, escaped by default, as `reply.viewAsync(name, data)`, and the files that they link to. */
export default fp(async (app) => {
  const eta = new Eta({ views: templates, autoEscape: true, cache: true })
  await app.register(view, { engine: { eta }, templates, production: true, asyncPropertyName: 'viewAsync' })
  await app.register(fastifyStatic, { root: `${templates}/assets`, prefix: '/assets/', maxAge: '1h', decorateReply: false })
}, { fastify: '5.x', name: 'larder-views' })
