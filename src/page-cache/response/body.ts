import { pipeline, Readable, Transform } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { FastifyReply } from 'fastify'

/** A body as it comes to the hooks of Fastify: whole, or as a stream. */
export type Body = Buffer | Readable

/** What a payload has for a body. A `Response` gives its status and headers to the reply, as Fastify would do later. */
export function readBody (payload: unknown, reply: FastifyReply): Body {
  if (typeof payload === 'string') return Buffer.from(payload)
  if (Buffer.isBuffer(payload)) return payload
  if (payload === null || payload === undefined) return Buffer.alloc(0)
  if (payload instanceof Readable) return payload
  if (isResponse(payload)) {
    reply.code(payload.status)
    for (const [name, value] of payload.headers) reply.header(name, value)
    return readBody(payload.body, reply)
  }
  // Of the web, or an old one of a library.
  return 'getReader' in (payload as object) ? Readable.fromWeb(payload as ReadableStream) : new Readable().wrap(payload as Readable)
}

/** As Fastify tells: it may be one of undici's, which is another class than that of Node. */
export function isResponse (payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}

/**
 * A stream that passes on another one, and gathers it on the way. It reads ahead as far as it gathers, so that who waits for
 * the whole does not wait for a client that is slow.
 *
 * @param maxBytes how much to gather
 * @param length how long it says that it is
 * @param done told once: the whole; `too-large`; or undefined where it ended too early
 */
export function gather (stream: Readable, maxBytes: number, length: number | undefined, done: (body: Buffer | 'too-large' | undefined) => void): Readable {
  let chunks: Buffer[] | undefined = []
  let size = 0
  const passing = new Transform({
    readableHighWaterMark: maxBytes,
    transform (chunk: Buffer, _encoding, next) {
      size += chunk.length
      if (size > maxBytes && chunks !== undefined) {
        chunks = undefined
        done('too-large')
      }
      chunks?.push(chunk)
      next(null, chunk)
    }
  })
  return pipeline(stream, passing, (error) => {
    if (chunks === undefined) return
    done(error || (length !== undefined && length !== size) ? undefined : Buffer.concat(chunks))
  })
}
