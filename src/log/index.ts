import type { FastifyServerOptions } from 'fastify'
import { createDestination } from './destination.ts'
import { ResponseLog } from './response-log.ts'

export { deferChildren } from './request-log.ts'

export interface LogOptions {
  /** One of pino's levels. */
  level: string
  /** The share of hits that are logged, from 0 to 1. */
  hits: number
}

/** Returns the options of Fastify for the log: one line for each response, on stdout. */
export function configureLog ({ level, hits }: LogOptions) {
  return {
    logger: { level, stream: createDestination(process.stdout.fd) },
    logController: new ResponseLog(hits)
  } satisfies FastifyServerOptions
}
