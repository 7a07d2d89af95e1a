import type { FastifyRequest } from 'fastify'

/**
 * Returns the beginning of the URLs of the dashboard, relative to the URL of a request: so they are right behind a
 * proxy that removes a part of the path, too.
 *
 * @param prefix that of the routes of the dashboard
 */
export function findBaseUrl ({ originalUrl, routeOptions: { url = '' } }: FastifyRequest, prefix: string): string {
  const route = url.slice(prefix.length).replace(/^\//, '')
  if (route !== '') return '../'.repeat(route.split('/').length - 1) || './'
  const path = originalUrl.split('?', 1)[0]!
  const last = path.slice(path.lastIndexOf('/') + 1)
  return last === '' ? './' : `./${last}/`
}
