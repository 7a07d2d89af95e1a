import createError from '@fastify/error'

export const CrossSiteError = createError(
  'FST_ERR_LARDER_CROSS_SITE', 'The request was sent by another site and has been rejected.', 403)
export const ExplainError = createError<[string]>(
  'FST_ERR_LARDER_EXPLAIN', '%s', 400)
export const PurgeError = createError<[string]>(
  'FST_ERR_LARDER_PURGE', '%s', 400)
export const CacheUnavailableError = createError(
  'FST_ERR_LARDER_CACHE_UNAVAILABLE',
  'The cache store is unavailable; the purge may be incomplete. Try again.', 503)
export const TooManyWatchersError = createError<[number]>(
  'FST_ERR_LARDER_TOO_MANY_WATCHERS', '%s dashboards are open already. Close one of them.', 503)
