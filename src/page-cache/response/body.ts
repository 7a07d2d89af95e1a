import { pipeline, Readable, Transform } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { FastifyReply } from 'fastify'
import type { PageCacheContext, PendingStream } from '../context.ts'
import type { ReplyHeaders } from '../stored-response.ts'

/** The body of a response in an `onSend` hook: whole, or a stream. */
export type Body = Buffer | Readable

/** Returns the body in a payload. Copies the status and headers of a `Response` to the reply, as Fastify would. */
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
  // A stream of the web, or an old one of a library.
  if ('getReader' in (payload as object)) return Readable.fromWeb(payload as ReadableStream)
  return new Readable().wrap(payload as Readable)
}

/** Whether a payload is a `Response`, by the check of Fastify: that of undici is another class than Node's own. */
export function isResponse (payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}

/** A stream that is sent and collected at once. */
export interface CollectedStream {
  /** The stream to send. */
  readonly stream: Readable
  /** The whole body; `too-large`; or `incomplete` if the stream failed or ended too early. Never rejects. */
  readonly body: Promise<Buffer | 'too-large' | 'incomplete'>
}

/**
 * Passes a stream on and collects its body.
 *
 * It reads ahead as far as it collects, so that requests that wait for the whole body do not wait for a slow client.
 *
 * @param maxBytes the largest body to collect
 * @param length the `Content-Length` of the response, if it has one
 */
export function collectStream (source: Readable, maxBytes: number, length: number | undefined): CollectedStream {
  const { promise, resolve } = Promise.withResolvers<Buffer | 'too-large' | 'incomplete'>()
  let chunks: Buffer[] | undefined = []
  let size = 0
  const passing = new Transform({
    readableHighWaterMark: maxBytes,
    transform (chunk: Buffer, _encoding, next) {
      size += chunk.length
      if (size > maxBytes && chunks !== undefined) {
        chunks = undefined
        resolve('too-large')
      }
      chunks?.push(chunk)
      next(null, chunk)
    }
  })
  const stream = pipeline(source, passing, (error) => {
    if (chunks === undefined) return
    resolve(error || (length !== undefined && length !== size) ? 'incomplete' : Buffer.concat(chunks))
  })
  return { stream, body: promise }
}

/** Sends a stream, and collects it. */
export function sendStream (
  { route, reply, headerTracker }: PageCacheContext, body: Readable, contentLength: ReplyHeaders[string]
): { payload: Readable, stream: PendingStream } {
  const length = contentLength === undefined ? undefined : Number(contentLength)
  const collected = collectStream(body, route.maxBytes, length)
  const stream = { body: collected.body, readCount: headerTracker.readCount, isFlowing: false }
  process.nextTick(() => { stream.isFlowing = true })
  reply.raw.prependOnceListener('finish', () => headerTracker.end()) // then Fastify itself reads the connection
  return { payload: collected.stream, stream }
}
