import type { FastifyInstance, RouteOptions } from 'fastify'
import { findInternal } from './key/fastify-internals.ts'
import type { RouteCacheConfig } from './options.ts'

export type Hook = (...args: never[]) => unknown
type HookName = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | 'onSend'
type HookLists = Readonly<Record<HookName, Hook[]>>

/** The parts of the options of a route that may run code before its handler, or after it. */
type RouteCode = Pick<RouteOptions, HookName | 'schema'>

/** The parts of a schema with which a request is validated. */
const VALIDATES = ['body', 'querystring', 'query', 'params', 'headers'] as const

/** Knows the hooks of the cached routes, once all plugins are loaded. */
export class RouteHooks {
  readonly #routes = new Map<RouteCacheConfig, { readonly app: FastifyInstance, readonly route: RouteCode }>()
  readonly #isQuiet = new Map<RouteCacheConfig, boolean>()

  /** Adds a route. @param app the scope in which it is declared */
  add (config: RouteCacheConfig, app: FastifyInstance, route: RouteCode): void {
    this.#routes.set(config, { app, route })
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
    const isQuiet = config.key === undefined &&
      this.list(config, 'onRequest').at(-1) === hook &&
      (['preParsing', 'preValidation', 'preHandler'] as const).every((name) => this.list(config, name).length === 0) &&
      !validates(this.#routes.get(config)!.route.schema)
    this.#isQuiet.set(config, isQuiet)
    return isQuiet
  }
}

/** A validator may be a function of the application. */
function validates (schema: RouteCode['schema']): boolean {
  return schema !== undefined && VALIDATES.some((part) => part in schema)
}
