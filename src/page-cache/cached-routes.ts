import type { FastifyInstance } from 'fastify'
import createRouter, { type HTTPVersion, type Instance } from 'find-my-way'
import { findInternal } from './key/fastify-internals.ts'
import type { RouterOptions } from './key/request-target.ts'
import type { RouteCacheConfig } from './options.ts'

/** Its types lack `useSemicolonDelimiter`. */
type RouterConfig = Parameters<typeof createRouter<HTTPVersion.V1>>[0] & { useSemicolonDelimiter?: boolean }

/** A route that may answer to a URL, with the parameters in its path. */
export interface RouteMatch {
  readonly route: RouteCacheConfig
  readonly params: Readonly<Record<string, string | undefined>>
}

/** The routes with a page cache, found by URL or by pattern. */
export class CachedRoutes {
  /** How the router of the application reads URLs. */
  readonly routerOptions: RouterOptions
  readonly #config: RouterConfig
  /** A router for each set of constraints, so that a match under one of them does not hide those under others. */
  readonly #routers = new Map<string, Instance<HTTPVersion.V1>>()
  readonly #byPattern = new Map<string, RouteCacheConfig[]>()

  /** Whether the application may rewrite URLs, so that keys contain the old URL too. */
  readonly rewritesUrls: boolean

  /** @param app whose router distinguishes URLs in the same way */
  constructor (app: FastifyInstance) {
    this.rewritesUrls = findInternal<{ rewriteUrl?: unknown }>(app, 'fastify.options').rewriteUrl !== undefined
    const config = app.initialConfig
    const {
      caseSensitive = true, ignoreTrailingSlash = false, ignoreDuplicateSlashes = false, maxParamLength = 100,
      useSemicolonDelimiter = false
    } = { ...config, ...config.routerOptions } as RouterConfig
    this.routerOptions = { caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes, useSemicolonDelimiter }
    this.#config = {
      ...this.routerOptions,
      maxParamLength,
      allowUnsafeRegex: true // the application has already accepted every pattern
    }
  }

  add (route: RouteCacheConfig): void {
    const samePattern = this.#byPattern.get(route.url) ?? []
    if (samePattern.some(({ routeName }) => routeName === route.routeName)) return
    this.#byPattern.set(route.url, [...samePattern, route])
    const router = this.#routerFor(route.routeName.slice(route.url.length))
    // Patterns that differ in the names of their parameters alone are the same to a router.
    const known = router.findRoute('GET', route.url)?.store as RouteCacheConfig[] | undefined
    if (known !== undefined) known.push(route)
    else router.on('GET', route.url, () => {}, [route])
  }

  /** Returns all routes. */
  list (): readonly RouteCacheConfig[] {
    return [...this.#byPattern.values()].flat()
  }

  /** Returns the routes with a pattern; constraints may distinguish several. */
  withPattern (pattern: string): readonly RouteCacheConfig[] {
    return this.#byPattern.get(pattern) ?? []
  }

  /** Returns the routes that may answer to a URL. @param url path and query */
  for (url: string): readonly RouteMatch[] {
    return [...this.#routers.values()].flatMap((router) => {
      const found = router.find('GET', url)
      return (found?.store as RouteCacheConfig[] | undefined ?? []).map((route) => ({ route, params: found!.params }))
    })
  }

  #routerFor (constraints: string): Instance<HTTPVersion.V1> {
    let router = this.#routers.get(constraints)
    if (router === undefined) this.#routers.set(constraints, router = createRouter(this.#config))
    return router
  }
}
