import type { FastifyInstance } from 'fastify'
import createRouter, { type HTTPVersion, type Instance } from 'find-my-way'
import type { RouteCacheConfig } from './options.ts'

/** Its types do not know `useSemicolonDelimiter`. */
type Config = Parameters<typeof createRouter<HTTPVersion.V1>>[0] & { useSemicolonDelimiter?: boolean }

/** The routes whose responses are kept, to be found by what they answer to. */
export class CachedRoutes {
  readonly #config: Config
  /** One for each set of constraints: what matches a URL under one of them hides nothing of the others. */
  readonly #routers = new Map<string, Instance<HTTPVersion.V1>>()
  readonly #byPattern = new Map<string, RouteCacheConfig[]>()

  /** @param config of the application, whose router tells URLs apart in the same way */
  constructor (config: FastifyInstance['initialConfig']) {
    const { caseSensitive = true, ignoreTrailingSlash = false, ignoreDuplicateSlashes = false, maxParamLength = 100, useSemicolonDelimiter = false } =
      { ...config, ...config.routerOptions } as Config
    // A pattern that the application takes is good enough.
    this.#config = { caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes, maxParamLength, useSemicolonDelimiter, allowUnsafeRegex: true }
  }

  add (plan: RouteCacheConfig): void {
    const named = this.#byPattern.get(plan.url) ?? []
    if (named.some(({ routeName }) => routeName === plan.routeName)) return
    this.#byPattern.set(plan.url, [...named, plan])
    const router = this.#routerFor(plan.routeName.slice(plan.url.length))
    // Patterns are the same that differ in nothing but what they call their parameters.
    const known = router.findRoute('GET', plan.url)?.store as RouteCacheConfig[] | undefined
    if (known !== undefined) known.push(plan)
    else router.on('GET', plan.url, () => {}, [plan])
  }

  /** Those with a pattern, which may be told apart by constraints. */
  withPattern (pattern: string): readonly RouteCacheConfig[] {
    return this.#byPattern.get(pattern) ?? []
  }

  /** Those that may answer to a URL. @param url path and query */
  for (url: string): readonly RouteCacheConfig[] {
    return [...this.#routers.values()].flatMap((router) => router.find('GET', url)?.store as RouteCacheConfig[] | undefined ?? [])
  }

  #routerFor (constraints: string): Instance<HTTPVersion.V1> {
    let router = this.#routers.get(constraints)
    if (router === undefined) this.#routers.set(constraints, router = createRouter(this.#config))
    return router
  }
}
