import { FastifyVersionError } from '../errors.ts'

/**
 * Returns what Fastify keeps under a symbol.
 *
 * It has no public way to add the first hook, to list hooks, to start before the router, to list all servers, or to set
 * all headers of a reply at once.
 *
 * @param owner an application, a reply or what Fastify keeps about a route
 */
export function findInternal<T> (owner: object, description: string): T {
  const { holder, symbol } = locate(owner, description)
  return holder[symbol] as T
}

/** Returns the symbol under which Fastify keeps something. */
export function findSymbol (owner: object, description: string): symbol {
  return locate(owner, description).symbol
}

function locate (owner: object, description: string): { holder: Record<symbol, unknown>, symbol: symbol } {
  for (let holder: object | null = owner; holder !== null; holder = Object.getPrototypeOf(holder) as object | null) {
    const symbol = Object.getOwnPropertySymbols(holder).find((symbol) => symbol.description === description)
    if (symbol !== undefined) return { holder: holder as Record<symbol, unknown>, symbol }
  }
  throw new FastifyVersionError(description)
}
