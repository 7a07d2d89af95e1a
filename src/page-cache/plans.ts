import type { FastifyInstance } from 'fastify'
import createRouter, { type Config, type HTTPVersion, type Instance } from 'find-my-way'
import type { Plan } from './options.ts'

/** The routes whose responses are kept, to be found by what they answer to. */
export class Plans {
  readonly #router: Instance<HTTPVersion.V1>
  readonly #byPattern = new Map<string, Plan[]>()

  /** @param config of the application, whose router tells URLs apart in the same way */
  constructor (config: FastifyInstance['initialConfig']) {
    const { caseSensitive = true, ignoreTrailingSlash = false, ignoreDuplicateSlashes = false, maxParamLength = 100 } =
      { ...config, ...config.routerOptions } as Config<HTTPVersion.V1>
    this.#router = createRouter({ caseSensitive, ignoreTrailingSlash, ignoreDuplicateSlashes, maxParamLength })
  }

  add (plan: Plan): void {
    const known = this.#byPattern.get(plan.url)
    if (known?.some(({ route }) => route === plan.route)) return
    if (known !== undefined) {
      known.push(plan)
      return
    }
    const plans = [plan]
    this.#byPattern.set(plan.url, plans)
    this.#router.on('GET', plan.url, () => {}, plans)
  }

  /** Those with a pattern, which may be told apart by constraints. */
  withPattern (pattern: string): readonly Plan[] {
    return this.#byPattern.get(pattern) ?? []
  }

  /** Those that may answer to a URL. @param url path and query */
  for (url: string): readonly Plan[] {
    return this.#router.find('GET', url)?.store as readonly Plan[] | undefined ?? []
  }
}
