import { fastify, type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify'
import { RequestLog } from './request-log.ts'

/** Milliseconds. Slower responses are always logged. */
const SLOW_MS = 1_000

/** How `Server-Timing` marks a response that a cache has served: a page, or the list of products. */
const HIT = 'desc="hit"'

/** Logs one line for each response, and for hits only a share of them. Errors and slow responses are always logged. */
export class ResponseLog extends fastify.LogController {
  readonly #hits: number
  #share = 0

  /** @param hits the share of hits that are logged, from 0 to 1 */
  constructor (hits: number) {
    super()
    this.#hits = hits
  }

  /** Logs nothing at level `info`: the line of the response says all. */
  override incomingRequest ({ log, raw: { method, url } }: FastifyRequest): void {
    if (isEnabled(findParent(log), 'debug')) log.debug({ method, url }, 'request arrived')
  }

  override requestCompleted (err: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const log = findParent(request.log)
    const { statusCode, elapsedTime } = reply
    if (!err) {
      if (!isEnabled(log, 'info')) return
      const isUsual = this.#hits < 1 && statusCode < 400 && elapsedTime < SLOW_MS && isHit(reply)
      if (isUsual && !this.#takeHit()) return
    }
    const { method, url } = request.raw
    const line = {
      reqId: request.id,
      method,
      url,
      remoteAddress: request.ip,
      statusCode,
      responseTime: Math.round(elapsedTime * 1_000) / 1_000,
      cacheStatus: reply.getHeader('cache-status')
    }
    if (err) log.error({ ...line, err }, 'request failed')
    else log.info(line, 'request completed')
  }

  /** Whether this hit is among those that are logged: of 0.25, each fourth. */
  #takeHit (): boolean {
    this.#share += this.#hits
    if (this.#share < 1) return false
    this.#share--
    return true
  }
}

/** Returns the log in which a request needs no child: the line has its id. */
function findParent (log: FastifyBaseLogger): FastifyBaseLogger {
  return log instanceof RequestLog ? log.parent : log
}

/** Whether a log writes lines of a level. Those of others than pino may not tell, and ignore the line themselves. */
function isEnabled (log: FastifyBaseLogger & { isLevelEnabled? (level: string): boolean }, level: string): boolean {
  return log.isLevelEnabled?.(level) ?? true
}

function isHit (reply: FastifyReply): boolean {
  return String(reply.getHeader('server-timing')).includes(HIT)
}
