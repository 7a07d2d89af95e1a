/** Marks a read of all headers among the names of headers. */
export const ALL_HEADERS = ''
/** Marks a read of the connection. */
export const CONNECTION = ' '

/** Adds a read to those before the hooks. */
export function addEarly (names: string[], name: string): void {
  names.push(name)
}

/**
 * Returns what the application has read before the hooks, without the headers that Fastify has read.
 *
 * Fastify reads `Connection` once the route is known. From there to the hooks only it and its log read the request.
 *
 * @param names all that were read, in this order
 * @param byFastify headers that Fastify has read before, once each
 */
export function listReadsOfApplication (names: readonly string[], byFastify: readonly string[]): string[] {
  const end = names.lastIndexOf('connection')
  const early = names.slice(0, Math.max(0, end))
  if (early.length === 0 || byFastify.length === 0) return early
  const indexes = byFastify.map((name) => early.lastIndexOf(name))
  return early.filter((_, i) => !indexes.includes(i))
}
