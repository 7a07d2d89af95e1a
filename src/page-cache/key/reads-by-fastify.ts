import type { FastifyInstance } from 'fastify'
import { findInternal } from './fastify-internals.ts'

/** The headers that Fastify reads of each request for itself, once each. They shape no response. */
export interface ReadsByFastify {
  /** Before the hooks: to find the id of the request, and its route. */
  readonly early: readonly string[]
  /** In hooks: how a body is encoded, which a request from the cache lacks. */
  readonly inHooks: readonly string[]
}

interface Options {
  readonly constraints?: object
  readonly routerOptions: { readonly constraints?: object }
}

/** Lists the headers that Fastify and its plugins read of each request, once an application is ready. */
export function listReadsByFastify (app: FastifyInstance): ReadsByFastify {
  const { requestIdHeader } = app.initialConfig
  const { constraints, routerOptions } = findInternal<Options>(app, 'fastify.options')
  // A strategy of that name may be one of the application.
  const isCustom = [constraints, routerOptions.constraints].some((own) => own !== undefined && 'version' in own)
  const findsVersion = app.hasConstraintStrategy('version') && !isCustom
  return {
    early: [...typeof requestIdHeader === 'string' ? [requestIdHeader] : [], ...findsVersion ? ['accept-version'] : []],
    inHooks: app.hasPlugin('@fastify/compress') ? ['content-encoding'] : []
  }
}
