import { errors, Pool } from 'undici'
import { UpstreamError, UpstreamTimeoutError } from '../errors.ts'

/** The upstream that takes its time. */
export interface Httpbin {
  /** Asks for an answer that takes so many seconds. Rejects with a 502 error for a bad answer, a 504 error for a late one. */
  delay (seconds: number): Promise<void>
  close (): Promise<void>
}

/** Connections kept; more calls at once queue. */
const CONNECTIONS = 10
/** Milliseconds allowed to connect. */
const CONNECT_MS = 3_000
/** Milliseconds allowed beyond the delay that was asked for: to the headers, and between two parts of the body. */
const GRACE_MS = 5_000
/** A larger answer is none of httpbin's. */
const MAX_BYTES = 1024 * 1024

/**
 * @param url where httpbin is; it may have a path
 * @param graceMs milliseconds allowed beyond the delay that was asked for. Default 5,000.
 */
export function createHttpbin (url: string, graceMs: number = GRACE_MS): Httpbin {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    connect: { timeout: CONNECT_MS },
    bodyTimeout: GRACE_MS,
    maxResponseSize: MAX_BYTES
  })

  return {
    async delay (seconds) {
      const timeout = Math.ceil(seconds * 1000) + graceMs
      // Undici's own timers are coarse, and each covers a part; the signal bounds the whole.
      const signal = AbortSignal.timeout(timeout)
      try {
        const { statusCode, body } = await pool.request({
          method: 'GET',
          path: new URL(`delay/${seconds}`, base).pathname,
          headers: { accept: 'application/json' },
          headersTimeout: timeout,
          signal
        })
        await body.arrayBuffer() // whole, or it is no answer; the pool bounds its size
        if (statusCode !== 200) throw new UpstreamError(`answered with status ${statusCode}`)
      } catch (error) {
        if (error instanceof UpstreamError) throw error
        if (signal.aborted || isTimeout(error)) throw new UpstreamTimeoutError(timeout / 1000)
        throw new UpstreamError('could not be reached')
      }
    },
    close: () => pool.destroy()
  }
}

function isTimeout (error: unknown): boolean {
  return error instanceof errors.ConnectTimeoutError || error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError
}
