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
  const indexes = byFastify.map((name) => names.lastIndexOf(name, end))
  return names.slice(0, Math.max(0, end)).filter((_, i) => !indexes.includes(i))
}
