import type { FastifyRequest } from 'fastify'
import { isLoopback } from './is-loopback.ts'

/** Headers of proxies, besides all that begin with `x-forwarded-`. */
const PROXY_HEADERS = [
  'forwarded', 'via', 'x-real-ip', 'x-client-ip', 'x-original-host', 'cf-connecting-ip', 'true-client-ip'
]

/**
 * Returns whether a request was certainly sent by a program on this machine: over loopback, past no proxy that can be
 * recognised, and to a name of loopback. A proxy on this machine passes on requests of others; nginx does so in
 * HTTP/1.0 if nothing else is configured. With another name, a request may be from a page of another site whose name
 * was made to resolve to this machine (DNS rebinding).
 */
export function isLocal ({ raw, headers, hostname }: FastifyRequest): boolean {
  return isLoopback(raw.socket.remoteAddress ?? '') &&
    isLoopback(hostname) &&
    raw.httpVersion !== '1.0' &&
    !Object.keys(headers).some((name) => name.startsWith('x-forwarded-') || PROXY_HEADERS.includes(name))
}
