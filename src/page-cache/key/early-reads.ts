/** Marks a read of all headers among the names of headers. */
export const ALL_HEADERS = ''
/** Marks a read of the connection. */
export const CONNECTION = ' '

/** Adds a read to those before the hooks. */
export function addEarly (names: string[], name: string): void {
  names.push(name)
}

/** What Fastify may read between `Connection` and the hooks. */
const BY_FASTIFY = new Set([CONNECTION, 'accept-version'])

/**
 * Returns what the application has read before the hooks, without the headers that Fastify has read.
 *
 * Fastify reads `Connection` once the route is known. After that it reads few headers, and the others are read by
 * functions of the application, e.g. serializers of its log.
 *
 * @param names all that were read, in this order
 * @param byFastify headers that Fastify has read before, once each
 */
export function listReadsOfApplication (names: readonly string[], byFastify: readonly string[]): string[] {
  const end = names.lastIndexOf('connection')
  const early = names.slice(0, Math.max(0, end))
  const late = names.slice(end + 1).filter((name) => !BY_FASTIFY.has(name))
  const indexes = byFastify.map((name) => early.lastIndexOf(name))
  return [...early.filter((_, i) => !indexes.includes(i)), ...late]
}
