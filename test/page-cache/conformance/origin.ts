import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Fields, fieldValue, joined } from './fields.ts'
import type { Step } from './suite.ts'
import type { Time } from './time.ts'

/** A request that came through the cache. */
export interface Seen {
  /** That of the client's request which it was made for. */
  number: number
  method: string
  headers: Fields
  /** Headers that the response must have, unless the cache changes them. */
  sent: Fields
  validators: { etag: string | undefined, lastModified: string | undefined }
}

export interface Origin {
  readonly url: string
  /** Sets the responses below a path. */
  prepare (id: string, steps: Step[]): Seen[]
  close (): Promise<void>
}

interface Script { steps: Step[], seen: Seen[] }

/** A header of the response to a request that should have been conditional, and was not. */
export const UNCONDITIONAL = 'not-conditional'

/** A server that responds as the definition of a test says, and records the requests. */
export async function startOrigin (time: Time): Promise<Origin> {
  const scripts = new Map<string, Script>()
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error))
  })
  // A connection that is closed while a request is on its way would look like a disconnection that the test wants.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const number = Number(request.headers['req-num'])
    const id = request.url!.split(/[/?]/)[2]!
    const { steps, seen } = scripts.get(id)!
    const step = steps[number - 1]!
    await once(request.resume(), 'end') // it is done with the request before it answers
    if (step.response_pause !== undefined) await time.pause(step.response_pause)
    for (const [status, fields = []] of step.interim_responses ?? []) {
      if (status === 102) response.writeProcessing()
      else response.writeEarlyHints(Object.fromEntries(fields))
    }

    const now = time.now()
    const base = request.url!
    const defined: Record<string, string[]> = {}
    const unchecked = new Set<string>()
    for (const [name, value, checked = true] of step.response_headers ?? []) {
      (defined[name.toLowerCase()] ??= []).push(fieldValue(name, value, step, now, base))
      if (!checked) unchecked.add(name.toLowerCase())
    }
    response.sendDate = false // Node's time need not be ours
    response.removeHeader('connection') // what becomes of the connection is no field of this answer
    // A coding that nobody knows has no end of its own (RFC 9112 section 6.3).
    if (defined['transfer-encoding'] !== undefined) response.shouldKeepAlive = false
    const fields = {
      date: new Date(now).toUTCString(),
      'content-type': 'text/plain',
      'server-now': String(now),
      'server-base-url': base,
      'server-request-count': String(seen.length + 1),
      'client-request-count': String(number),
      ...defined
    }
    for (const [name, value] of Object.entries(fields)) {
      response.setHeader(name, [value].flat().length === 1 ? String(value) : value)
    }
    const [status, reason] = step.response_status ?? [200, 'OK']
    response.statusCode = status
    response.statusMessage = reason
    if (step.expected_type?.endsWith('validated')) {
      const valid = isValid(request.headers, seen.at(-1)!.validators)
      ;[response.statusCode, response.statusMessage] = valid ? [304, 'Not Modified'] : [418, 'Not Conditional']
      if (!valid) response.setHeader(UNCONDITIONAL, '1')
    }

    const sent = Object.fromEntries(Object.entries(joined(defined)).filter(([name]) => !unchecked.has(name)))
    const { etag, 'last-modified': lastModified } = joined(defined)
    seen.push({
      number, method: request.method!, headers: joined(request.headers), sent, validators: { etag, lastModified }
    })
    response.setHeader('Request-Numbers', seen.map(({ number }) => number).join(' '))

    if (step.disconnect) request.socket.destroy()
    else if (response.statusCode === 204 || response.statusCode === 304) response.end()
    // Bytes, since Node writes the fields in the encoding of a body that is text, and they are Latin-1.
    else {
      response.end(
        Buffer.from((step.response_body ?? id).slice(0, Number(defined['content-length']?.[0] ?? Infinity)))
      )
    }
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    prepare (id, steps) {
      const seen: Seen[] = []
      scripts.set(id, { steps, seen })
      return seen
    },
    async close () {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/** Whether a request validates the current response. */
function isValid (headers: IncomingMessage['headers'], { etag, lastModified }: Seen['validators']): boolean {
  if (etag !== undefined && headers['if-none-match'] === etag) return true
  return lastModified !== undefined && headers['if-modified-since'] === lastModified
}
