import type { FastifyInstance } from 'fastify'
import createRouter, { type HTTPVersion, type Instance } from 'find-my-way'
import type { RouteCacheConfig } from './options.ts'

/** Its types lack `useSemicolonDelimiter`. */
type RouterConfig = Parameters<typeof createRouter<HTTPVersion.V1>>[0] & { useSemicolonDelimiter?: boolean }

/** The routes with a page cache, found by URL or by pattern. */
export class CachedRoutes {
  readonly #config: RouterConfig
  /** A router for each set of constraints, so that a match under one of them does not hide those under others. */
  readonly #routers = new Map<string, Instance<HTTPVersion.V1>>()
  readonly #byPattern = new Map<string, RouteCacheConfig[]>()

  /** @param config that of the application, so that its router distinguishes URLs in the same way */
  constructor (config: FastifyInstance['initialConfig']) {
    const {
      caseSensitive = true, ignoreTrailingSlash = false, ignoreDuplicateSlashes = false, maxParamLength = 100,
      useSemicolonDelimiter = false
    } = { ...config, ...config.routerOptions } as RouterConfig
    this.#config = {
      caseSensitive,
      ignoreTrailingSlash,
      ignoreDuplicateSlashes,
      maxParamLength,
      useSemicolonDelimiter,
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

  /** Returns the routes with a pattern; constraints may distinguish several. */
  withPattern (pattern: string): readonly RouteCacheConfig[] {
    return this.#byPattern.get(pattern) ?? []
  }

  /** Returns the routes that may answer to a URL. @param url path and query */
  for (url: string): readonly RouteCacheConfig[] {
    return [...this.#routers.values()]
      .flatMap((router) => router.find('GET', url)?.store as RouteCacheConfig[] | undefined ?? [])
  }

  #routerFor (constraints: string): Instance<HTTPVersion.V1> {
    let router = this.#routers.get(constraints)
    if (router === undefined) this.#routers.set(constraints, router = createRouter(this.#config))
    return router
  }
}
