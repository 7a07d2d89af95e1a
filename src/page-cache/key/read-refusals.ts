import type { FastifyBaseLogger } from 'fastify'
import type { RouteCacheConfig } from '../options.ts'
import type { Detail } from '../http/details.ts'

/** Why responses are not stored because of what is read from the request, by the `detail` of their status. */
const READ_REFUSALS: Readonly<Partial<Record<Detail, string>>> = {
  'client-address-read': 'The handler reads the address of the client, so its response is stored only if it states ' +
    'its own lifetime in Cache-Control.',
  'client-address-read:ignoreAddress': 'A hook reads the address of the client (request.ip), so a response is stored ' +
    'only if it states its own lifetime in Cache-Control. If the address does not shape the response, e.g. because ' +
    'the hook counts requests, set the option ignoreAddress of the route or of the page cache.',
  'connection-read': 'A hook or the handler reads the connection (e.g. request.socket), so a response is stored only ' +
    'if it states its own lifetime in Cache-Control.',
  'connection-read:ignoreAddress': 'Code outside of routes (e.g. a listener of the server, or rewriteUrl) reads the ' +
    'connection, so a response is stored only if it states its own lifetime in Cache-Control. If the connection does ' +
    'not shape the response, e.g. because a list of connections is kept, set the option ignoreAddress of the route ' +
    'or of the page cache.',
  'tracked-late': 'The application may have read the request before the page cache saw it, or has replaced its ' +
    'prototype, so its response is not stored. Let requests arrive through the server of the application or through ' +
    'inject(). A new prototype is tracked from the next request on, if it inherits from IncomingMessage.'
}

/** Describes why a response is not stored because of what was read; undefined for any other reason. */
export function describeReadRefusal (detail: Detail | undefined): string | undefined {
  return detail === undefined ? undefined : READ_REFUSALS[detail]
}

const warned = new WeakSet<RouteCacheConfig>()

/** Logs once for each route why what is read from the request keeps its responses from being stored. */
export function warnOnce (log: FastifyBaseLogger, route: RouteCacheConfig, detail: Detail): void {
  const why = describeReadRefusal(detail)
  if (why === undefined || warned.has(route)) return
  warned.add(route)
  log.warn({ route: route.url, detail }, why)
}
