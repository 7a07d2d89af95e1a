import type { FastifyInstance, RouteOptions } from 'fastify'
import { findInternal } from './key/fastify-internals.ts'
import type { RouteCacheConfig } from './options.ts'

export type Hook = (...args: never[]) => unknown
const NAMES = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend'] as const
type HookName = typeof NAMES[number]
type HookLists = Readonly<Record<HookName, Hook[]>>

/** The parts of the options of a route that may run code before its handler, or after it. */
type RouteCode = Pick<RouteOptions, HookName | 'schema'>
/** The same, as Fastify has prepared them. */
export type PreparedCode = { readonly [name in keyof RouteCode]?: RouteCode[name] | null | undefined }

interface Known {
  readonly app: FastifyInstance
  readonly route: PreparedCode & { readonly handler?: unknown }
  /** The handler that answers from the cache; a later plugin may have wrapped it. */
  readonly handler?: unknown
}

/** The parts of a schema with which a request is validated. */
const VALIDATES = ['body', 'querystring', 'query', 'params', 'headers'] as const

/** Knows the hooks of the cached routes, once all plugins are loaded. */
export class RouteHooks {
  readonly #routes = new Map<RouteCacheConfig, Known>()
  readonly #isQuiet = new Map<RouteCacheConfig, boolean>()

  /** Adds a route whose handler answers from the cache. @param app the scope in which it is declared */
  add (config: RouteCacheConfig, app: FastifyInstance, route: RouteOptions): void {
    this.#routes.set(config, { app, route, handler: route.handler })
  }

  /** Adds a route that Fastify has prepared: its lists begin with the hooks of its scope, and all are bound. */
  addPrepared (config: RouteCacheConfig, app: FastifyInstance, context: PreparedCode): void {
    const ofScope = findInternal<HookLists>(app, 'fastify.hooks')
    const own = NAMES.map((name) => [name, [context[name] ?? []].flat().slice(ofScope[name].length)])
    this.#routes.set(config, { app, route: { schema: context.schema, ...Object.fromEntries(own) } })
  }

  /** Lists the hooks of a route with a name: those of its scope, then its own. */
  list (config: RouteCacheConfig, name: HookName): Hook[] {
    const { app, route } = this.#routes.get(config)!
    return [...findInternal<HookLists>(app, 'fastify.hooks')[name], ...[route[name] ?? []].flat() as Hook[]]
  }

  /** Whether no code of others runs between this `onRequest` hook and the lookup, which might read from a cache. */
  isQuietAfter (hook: Hook, config: RouteCacheConfig): boolean {
    const known = this.#isQuiet.get(config)
    if (known !== undefined) return known
    const { route, handler } = this.#routes.get(config)!
    const isQuiet = config.key === undefined && route.handler === handler &&
      this.list(config, 'onRequest').at(-1) === hook &&
      (['preParsing', 'preValidation', 'preHandler'] as const).every((name) => this.list(config, name).length === 0) &&
      !validates(route.schema)
    this.#isQuiet.set(config, isQuiet)
    return isQuiet
  }
}

/** A validator may be a function of the application. */
function validates (schema: PreparedCode['schema']): boolean {
  return schema != null && VALIDATES.some((part) => part in schema)
}
