import { Semaphore, withTimeout } from 'async-mutex'
import { errors, Pool } from 'undici'
import { UpstreamBusyError, UpstreamError, UpstreamTimeoutError } from '../errors.ts'

/** Client of the slow upstream. */
export interface Httpbin {
  /**
   * Requests a response that takes so many seconds.
   *
   * Rejects with a 502 error if it is bad, with 504 if it is late, and with 503 if the request was never sent, because
   * others have taken all connections for too long.
   */
  delay (seconds: number): Promise<void>
  close (): Promise<void>
}

/** Connections to the upstream. Further requests wait for one of them, for as long as the grace below. */
const CONNECTIONS = 10
/** Milliseconds that connecting may take. */
const CONNECT_MS = 3_000
/** Milliseconds allowed in addition to the delay: until the headers, and between two parts of the body. */
const GRACE_MS = 5_000
/** Bytes of a response. httpbin sends less than 1 KiB. */
const MAX_BYTES = 1024 * 1024

/**
 * @param url URL of httpbin, with a path if it has one
 * @param graceMs milliseconds that a request may wait for a connection, and that a response may take in addition to its
 * delay. Default 5,000.
 */
export function createHttpbin (url: string, graceMs: number = GRACE_MS): Httpbin {
  const base = new URL(url.endsWith('/') ? url : `${url}/`)
  const pool = new Pool(base.origin, {
    connections: CONNECTIONS,
    connect: { timeout: CONNECT_MS },
    bodyTimeout: GRACE_MS,
    maxResponseSize: MAX_BYTES
  })

  // The pool would send a request that has waited for too long, and end it only then.
  const turns = withTimeout(new Semaphore(CONNECTIONS), graceMs, new UpstreamBusyError(graceMs / 1000))

  return {
    async delay (seconds) {
      const [, release] = await turns.acquire()
      const timeout = Math.ceil(seconds * 1000) + graceMs
      // The timers of undici are coarse, and each covers one phase. The signal limits the whole request.
      const signal = AbortSignal.timeout(timeout)
      try {
        const { statusCode, body } = await pool.request({
          method: 'GET',
          path: new URL(`delay/${seconds}`, base).pathname,
          headers: { accept: 'application/json' },
          headersTimeout: timeout,
          signal
        })
        await body.arrayBuffer() // rejects if the response is incomplete or too large
        if (statusCode !== 200) throw new UpstreamError(`responded with status ${statusCode}`)
      } catch (error) {
        if (error instanceof UpstreamError) throw error
        if (signal.aborted || isTimeout(error)) throw new UpstreamTimeoutError(timeout / 1000)
        throw new UpstreamError('could not be reached')
      } finally {
        release()
      }
    },
    close: () => pool.destroy()
  }
}

function isTimeout (error: unknown): boolean {
  return error instanceof errors.ConnectTimeoutError ||
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError
}
