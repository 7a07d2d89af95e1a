import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** Headers of proxies. A proxy on this machine passes on requests of others. */
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip']

/**
 * Returns whether a request was certainly sent by a program on this machine: over loopback, past no proxy that says so,
 * and to a name of loopback. With another name, it may be from a page of another site whose name was made to resolve to
 * this machine (DNS rebinding).
 */
export function isLocal ({ raw, headers, hostname }: FastifyRequest): boolean {
  return isLoopback((raw.socket.remoteAddress ?? '').replace('::ffff:', '')) &&
    isLoopback(hostname.replace(/^\[|\]$/g, '')) &&
    !PROXY_HEADERS.some((name) => headers[name] !== undefined)
}

function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
