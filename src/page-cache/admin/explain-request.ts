import type { FastifyInstance } from 'fastify'
import type { Explanation } from './explain.ts'
import { runAs } from '../self-request.ts'
import type { CachedRoutes } from '../cached-routes.ts'

/** What somebody would ask for. */
export interface ExplainQuestion {
  /** Absolute, or a path with a query; then the `host` among the headers says the rest. */
  readonly url: string
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** A request of our own that goes as far as the look-up, and learns what would come of it. */
export interface ExplainRequest {
  readonly encrypted: boolean
  readonly answer: (explanation: Explanation) => void
}

/** Milliseconds that the hooks before the look-up may take. */
const TIMEOUT_MS = 5_000

/**
 * Tells what a request would get at this moment, and why. The request is made, and passes the hooks of its route, but the
 * handler does not run, nothing is counted and nothing changes. Rejects with a TypeError for a URL that is none.
 */
export async function explainPage (app: FastifyInstance, plans: CachedRoutes, { url: text, method = 'GET', headers = {} }: ExplainQuestion): Promise<Explanation> {
  const url = URL.parse(text, 'http://localhost')
  if (url === null || !/^https?:$/.test(url.protocol)) throw new TypeError(`url must be a path or an http or https URL, got ${JSON.stringify(text)}`)
  const path = url.pathname + url.search
  if (plans.for(path).length === 0) return { request: { method, url: path }, outcome: { runsHandler: true, rule: 'No route with a page cache answers to this URL.' } }

  const isAbsolute = URL.canParse(text)
  const { promise, resolve } = Promise.withResolvers<Explanation>()
  const inquiry: ExplainRequest = { encrypted: url.protocol === 'https:', answer: resolve }
  // Rejected where a hook takes too long, or cuts the connection.
  const response = await runAs({ explainRequest: inquiry }, () => app.inject({
    method, url: path, headers: { ...headers, ...isAbsolute && { host: url.host } }, signal: AbortSignal.timeout(TIMEOUT_MS)
  })).catch(() => undefined)
  const rule = response === undefined
    ? `The hooks of the route give no answer within ${TIMEOUT_MS / 1000} s, and the cache is not asked.`
    : `A hook answers with status ${response.statusCode} before the cache is asked.`
  resolve({ request: { method, url: path }, outcome: { runsHandler: false, rule } })
  return await promise
}
