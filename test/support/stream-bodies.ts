import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { Response as UndiciResponse } from 'undici'

/** A stream as libraries made them before there were classes for them. */
export function oldStream (chunks: string[]): unknown {
  const stream = Object.assign(new EventEmitter(), { pipe () {}, pause () {}, resume () {} })
  setImmediate(() => {
    for (const chunk of chunks) stream.emit('data', Buffer.from(chunk))
    stream.emit('end')
  })
  return stream
}

export const webStream = (chunks: string[]) => new ReadableStream({
  start (controller) {
    for (const chunk of chunks) controller.enqueue(Buffer.from(chunk))
    controller.close()
  }
})

/** Bodies that come in pieces. */
export const BODIES: Record<string, (chunks: string[]) => unknown> = {
  'a stream of bytes': (chunks) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)), { objectMode: false }),
  'a stream of objects that are texts': (chunks) => Readable.from(chunks),
  'a stream of objects that are bytes': (chunks) =>
    Readable.from(chunks.map((chunk) => new TextEncoder().encode(chunk))),
  'a web stream': webStream,
  'a response': (chunks) => new Response(webStream(chunks), { headers: { 'content-type': 'text/x-test' } }),
  'a response of undici': (chunks) => new UndiciResponse(webStream(chunks), {
    headers: { 'content-type': 'text/x-test' }
  }),
  'an old stream': oldStream,
  'an old stream that is wrapped': (chunks) => new Readable().wrap(oldStream(chunks) as NodeJS.ReadableStream)
}
