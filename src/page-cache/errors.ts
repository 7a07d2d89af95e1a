import createError from '@fastify/error'

/* Every error that the page cache throws: what is wrong, and then what to do. */

export const AlreadyRegisteredError = createError(
  'FST_ERR_LARDER_REGISTERED', 'The page cache is already registered in this scope or in a scope above it.', 500,
  TypeError)
export const RouteOptionError = createError<[string]>('FST_ERR_LARDER_ROUTE_OPTION', '%s', 500, TypeError)
export const RouteScopeError = createError<[string]>(
  'FST_ERR_LARDER_ROUTE_SCOPE', 'Route %s has the option cachePage, but the plugin is not registered in its scope. ' +
  'Register it there or in a scope above it.', 500, TypeError)
export const RouteKeyError = createError<[string, string]>(
  'FST_ERR_LARDER_ROUTE_KEY', 'The option key in cachePage of %s must return a string, but returned %s.', 500,
  TypeError)
export const PurgeError = createError<[string]>('FST_ERR_LARDER_PURGE', '%s', 400, TypeError)
export const ExplainError = createError<[string]>('FST_ERR_LARDER_EXPLAIN', '%s', 400, TypeError)
export const FastifyVersionError = createError<[string]>(
  'FST_ERR_LARDER_FASTIFY', 'The page cache does not support this version of Fastify, which has no %s. ' +
  'Install a version with which it was tested.', 500, TypeError)
