import type { FastifyInstance } from 'fastify'

/**
 * Returns what Fastify keeps under a symbol.
 *
 * It has no public way to add the first hook, to list hooks, to start before the router, or to list all servers.
 */
export function findInternal<T> (app: FastifyInstance, description: string): T {
  for (let owner: object | null = app; owner !== null; owner = Object.getPrototypeOf(owner) as object | null) {
    const symbol = Object.getOwnPropertySymbols(owner).find((symbol) => symbol.description === description)
    if (symbol !== undefined) return (owner as Record<symbol, T>)[symbol]!
  }
  throw new TypeError(`The page cache does not support this version of Fastify, which has no ${description}. ` +
    'Install a version with which it was tested.')
}
