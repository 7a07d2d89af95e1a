import caching from '@fastify/caching'
import fp from 'fastify-plugin'

/**
 * What browsers and proxies may keep, where a route does not say: nothing without asking again, and errors not at
 * all. Its server-side part is left alone: it stores no bodies, and mixes up the entity tags of different URLs.
 */
export default fp(async (app) => {
  await app.register(caching, { privacy: caching.privacy.NOCACHE })
}, { fastify: '5.x', name: 'larder-http-caching' })
