import caching from '@fastify/caching'
import fp from 'fastify-plugin'

/** The names of its `onSend` hooks: they change only a reply without `Cache-Control`, or with an ETag of its own. */
export const HTTP_CACHING_HOOKS = ['cachingSetCacheControlHeader', 'cachingStoreByEtag']

/**
 * Sets the default `Cache-Control: no-cache`: clients may store a response, but have to revalidate it.
 *
 * We do not use the server-side part of @fastify/caching: it stores no bodies, and confuses ETags of different URLs.
 */
export default fp(async (app) => {
  await app.register(caching, { privacy: caching.privacy.NOCACHE })
}, { fastify: '5.x', name: 'larder-http-caching' })
