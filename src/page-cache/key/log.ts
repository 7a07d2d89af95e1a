import { createRequire } from 'node:module'
import type { FastifyBaseLogger } from 'fastify'
import { pauseTracking } from './request-reads.ts'

/** Under which pino keeps the serializers of a logger. */
const SERIALIZERS = Symbol.for('pino.serializers')

type Serializer = (request: unknown) => unknown

/**
 * Lets Fastify's own serializer read requests for a log line, which shapes no response.
 *
 * What serializers of the application read counts, since they may keep it for later, as a memoized helper does.
 */
export function ignoreLog (log: FastifyBaseLogger): void {
  const serializers = (log as { [SERIALIZERS]?: { req?: Serializer } })[SERIALIZERS]
  const serialize = serializers?.req
  if (serialize === undefined || serialize !== findOwnSerializer()) return
  serializers!.req = (request) => pauseTracking(() => serialize(request))
}

/** Returns the serializer of requests that Fastify itself uses: it keeps nothing. */
function findOwnSerializer (): Serializer {
  const require = createRequire(import.meta.url)
  return (require('fastify/lib/logger-pino.js') as { serializers: { req: Serializer } }).serializers.req
}
