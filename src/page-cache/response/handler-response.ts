import type { FastifyReply } from 'fastify'
import type { HandlerRun, PageCacheContext, StoreTask } from '../context.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { ignoreFailure } from '../hold-reply.ts'
import { addVary, unmarkSilence } from '../reply-headers.ts'
import type { PreparedPage, ReplyHeaders } from '../stored-response.ts'
import { type Body, isResponse, readBody } from './body.ts'
import { freshen, validatesOther } from './freshen.ts'

/** A response as the handler made it. */
export interface HandlerResponse {
  readonly run: HandlerRun
  readonly task: StoreTask
  readonly status: CacheStatus
  /** The status code that the handler has set, or that of the stored response that its 304 has freshened. */
  readonly code: number
  readonly headers: ReplyHeaders
  /** Its own `Vary`, without the names that the page cache adds. */
  readonly ownVary: ReplyHeaders[string]
  readonly body: Body
  /** What to send if the response is sent unchanged. */
  readonly payload: unknown
  /** Whether the route has a `ttl` and the handler has set no `Cache-Control`. */
  readonly isSilent: boolean
  /** The stored response that a 304 has freshened. */
  readonly freshened: PreparedPage | undefined
  /** Whether that 304 has validated another response. */
  readonly validatesOther: boolean
}

/** Reads the status, headers and body of a reply. If it is a 304, freshens the stored response. */
export function readResponse (
  ctx: PageCacheContext, payload: unknown, run: HandlerRun, task: StoreTask
): HandlerResponse {
  const { reply, route } = ctx
  if (route.ttl !== undefined) unmarkSilence(reply)
  let body = readBody(payload, reply)
  ignoreFailure(body) // until it is sent
  const freshened = reply.statusCode === 304 ? task.stale : undefined
  const isOther = freshened !== undefined && validatesOther(reply, freshened)
  if (freshened !== undefined) body = freshen(reply, freshened, run.before)
  const ownVary = reply.getHeader('vary')
  addVary(reply, route.vary)
  const headers = reply.getHeaders() as ReplyHeaders
  const isWhole = Buffer.isBuffer(body)
  return {
    run,
    task,
    status: freshened === undefined ? run.status : { ...run.status, fwdStatus: 304 },
    code: reply.statusCode,
    headers,
    ownVary,
    body,
    // The reply has taken over all that a `Response` has besides its body.
    payload: !isWhole || freshened !== undefined ? body : isResponse(payload) ? null : payload,
    isSilent: route.ttl !== undefined && headers['cache-control'] === undefined,
    freshened,
    validatesOther: isOther
  }
}

/** Gives a reply the headers that it had before the handler ran. */
export function restoreHeaders (reply: FastifyReply, { headers, run }: HandlerResponse): void {
  for (const name of Object.keys(headers)) {
    const before = run.before[name]
    if (before === undefined) reply.removeHeader(name)
    else reply.header(name, before)
  }
}
