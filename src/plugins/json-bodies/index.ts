import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { InvalidUtf8Error } from '../../errors.ts'
import { BodyMemory } from './body-memory.ts'
import { receiveBody } from './receive-body.ts'
import { JsonThread } from './thread.ts'

/**
 * Bytes of a body that is parsed on the event loop, in a few milliseconds at most. It is half of Node's pool of
 * buffers, so a longer body has memory of its own, which can be handed over to a thread.
 */
const MAX_INLINE = 32 * 1024

/** Bytes of all bodies together, from their first bytes to the response: eight of the longest. */
const MAX_BODIES = 64 * 1024 * 1024

/**
 * Makes JSON the only type of bodies in this scope, and parses it strictly: valid UTF-8, without poisoned prototypes.
 *
 * A large body is parsed and validated in a thread, since 8 MiB of it could block the event loop for seconds. If there
 * are too many bodies at once, some are refused with 503.
 *
 * @param maxBodies bytes of all bodies together. Default 64 MiB.
 */
export function readJsonBodies (app: FastifyInstance, maxBodies = MAX_BODIES): void {
  const memory = new BodyMemory(maxBodies)
  app.addHook('preParsing', (request, { raw }, payload, done) => {
    if (request.headers['content-type'] !== undefined) {
      memory.open(request)
      // Not the request's own event, which follows its body.
      raw.once('close', () => memory.close(request))
    }
    done(null, payload)
  })

  const parseJson = app.getDefaultJsonParser('error', 'error')
  const thread = new JsonThread()
  app.addHook('onClose', () => thread.close())
  const parse = (request: FastifyRequest, bytes: Buffer, done: (error: Error | null, body?: unknown) => void) => {
    if (bytes.length > MAX_INLINE) {
      const schema = request.routeOptions.schema?.body as object | undefined
      thread.parse(bytes, schema).then((body) => done(null, body), done)
    // Otherwise each invalid byte would become U+FFFD.
    } else if (isUtf8(bytes)) parseJson(request, bytes.toString(), done)
    else done(new InvalidUtf8Error())
  }
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (request, payload, done) => {
    receiveBody(request, payload, memory).then((bytes) => parse(request, bytes, done), done)
  })
}
