import { Readable } from 'node:stream'
import type { FastifyReply, onSendHookHandler } from 'fastify'
import { CONTEXT } from './context.ts'

/** Goes on to the next `onSend` hook. */
export type SendDone = Parameters<onSendHookHandler>[3]

/** How a reply goes on after our work on it. */
interface Continuation {
  /** Passes its payload on. */
  readonly resume: (payload: unknown) => void
  readonly fail: SendDone
  /** Called if it does not go on. Default nothing. */
  readonly release?: () => void
}

/**
 * Holds a reply in an `onSend` hook until our work on it is done. It does not go on if another has replaced it.
 *
 * Its handler does not wait: a stream may fail meanwhile, and the handler may throw or write a response itself. Fastify
 * accepts all of that after a reply that was sent at once, so it must not end the process here.
 *
 * @param work its result is the payload to pass on
 */
export function holdReply (
  reply: FastifyReply, payload: unknown, work: Promise<unknown>, { resume, fail, release }: Continuation
): void {
  const ctx = reply.request[CONTEXT]
  const wasReplacement = ctx?.replacedByError
  const isReplaced = () => reply.raw.headersSent || ctx?.replacedByError !== wasReplacement
  ignoreFailure(payload)
  work.then((payload) => {
    if (!isReplaced()) return resume(payload)
    endStream(payload)
    release?.()
  }, (error: Error) => {
    release?.()
    if (!isReplaced()) fail(error)
  })
}

/**
 * Lets a stream fail before it is sent: without a listener, its error would end the process.
 *
 * Fastify finds the failure when it sends the stream.
 */
export function ignoreFailure (payload: unknown): void {
  const stream = payload as Partial<Readable> | null | undefined
  if (typeof stream?.on === 'function') stream.on('error', () => {})
}

/** Ends a stream that is not sent after all, so that its source need not wait. */
function endStream (payload: unknown): void {
  if (payload instanceof Readable) payload.destroy()
}
