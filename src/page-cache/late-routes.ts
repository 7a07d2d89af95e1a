import type { FastifyInstance, onSendHookHandler, RouteHandlerMethod, RouteOptions } from 'fastify'
import { FastifyVersionError, RouteScopeError } from './errors.ts'
import { findInternal } from './key/fastify-internals.ts'
import { nameRoute, ROUTE, type RouteCacheConfig } from './options.ts'
import type { PreparedCode } from './route-hooks.ts'

/** What Fastify keeps about a route, once all plugins are loaded. */
interface RouteContext extends Omit<PreparedCode, 'onSend'> {
  readonly config: NonNullable<RouteOptions['config']> & { url: string, method: string | string[] }
  readonly server: FastifyInstance
  handler: RouteHandlerMethod
  onSend: onSendHookHandler[] | null
}

/** A route as the router of Fastify knows it. */
interface RouterEntry {
  readonly store: RouteContext
  readonly opts: { readonly constraints: Record<string, unknown> }
}

/** A route with a page cache that was declared before the plugin was loaded. */
export interface LateRoute {
  readonly name: string
  readonly context: RouteContext
}

/** An `onSend` hook of each page cache: the scopes that have it are those in which routes can be cached. */
const receivers = new WeakSet<onSendHookHandler>()

/** Marks an `onSend` hook as that of a page cache. */
export function addReceiver (hook: onSendHookHandler): void {
  receivers.add(hook)
}

/**
 * Lists the routes with `cachePage` that `onRoute` hooks have missed, since they were declared before the plugin was
 * loaded. This is usual: Fastify loads plugins when all of a file has run, unless their registration is awaited.
 *
 * Throws if no page cache is registered in the scope of such a route, or in a scope above it.
 *
 * @param receiver the hook of this page cache
 */
export function listLateRoutes (app: FastifyInstance, receiver: onSendHookHandler): LateRoute[] {
  return listRoutes(app).flatMap(({ store: context, opts: { constraints } }) => {
    const { config: { cachePage, url, method, [ROUTE]: known }, server } = context
    if (cachePage === undefined || known !== undefined) return []
    const ofScope = listScopeHooks(server)
    if (ofScope.includes(receiver)) return [{ name: nameRoute({ url, constraints }), context }]
    if (ofScope.some((hook) => receivers.has(hook))) return [] // another page cache lists it
    throw new RouteScopeError(`${[method].flat().join(', ')} ${url}`)
  })
}

/** Gives a late route its options, its handler and its last `onSend` hook. */
export function cacheLateRoute (
  { context }: LateRoute, config: RouteCacheConfig, handler: RouteHandlerMethod, hook: onSendHookHandler
): void {
  const { onSend } = context
  context.config[ROUTE] = config
  context.handler = handler
  context.onSend = [...onSend!, hook] // never null: it has the receiver
  // The hooks for `reply.callNotFound()` in this route.
  findInternal<{ onSend: RouteContext['onSend'] }>(context, 'fastify.404ContextKey').onSend = context.onSend
}

function listScopeHooks (scope: FastifyInstance): onSendHookHandler[] {
  return findInternal<{ onSend: onSendHookHandler[] }>(scope, 'fastify.hooks').onSend
}

/** Lists all routes. Fastify has no public way to do so, but one to print them with what it keeps about each. */
function listRoutes (app: FastifyInstance): RouterEntry[] {
  const routes = new Map<RouteContext, RouterEntry>() // a route may have several methods
  const options = Object.defineProperty({ includeMeta: true as const }, 'buildPrettyMeta', {
    get: () => (route: RouterEntry) => {
      routes.set(route.store, route)
      return {}
    },
    set () {}
  })
  const printed = app.printRoutes(options)
  if (routes.size === 0 && printed.includes('/')) throw new FastifyVersionError('list of routes')
  return [...routes.values()]
}
