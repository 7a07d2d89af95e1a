import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import { isLocal } from '../access/is-local.ts'
import { isSameSite } from '../access/is-same-site.ts'
import { requireToken } from '../access/require-token.ts'
import { findBaseUrl } from './base-url.ts'
import { CrossSiteError } from './errors.ts'
import type { DashboardOptions } from './options.ts'

/**
 * Creates an `onRequest` hook that admits the clients to whom the dashboard is open, and those that send the token.
 *
 * A browser that has no token yet is redirected from `/cache` to `/cache/`, and logs in there. It sends the token of a
 * login to all addresses in the same folder (RFC 7617 section 2.2): after a login at `/cache` that would be the whole
 * application, whose pages are not stored for requests with `Authorization`.
 *
 * @param prefix that of the routes of the dashboard
 */
export function admit (
  { token, openTo = token === undefined ? 'loopback' : 'nobody' }: DashboardOptions, prefix: string
): onRequestHookHandler {
  const check = requireToken(token)
  return function (request, reply, done) {
    if (!isSameSite(request)) return done(new CrossSiteError())
    if (openTo === 'everyone' || (openTo === 'loopback' && isLocal(request))) return done()
    const folder = findBaseUrl(request, prefix)
    const isInFolder = folder === './' || folder === '../'
    if (token === undefined || isInFolder || !isFirstVisit(request)) return check.call(this, request, reply, done)
    const { originalUrl } = request
    const query = originalUrl.indexOf('?')
    reply.redirect(query < 0 ? folder : folder + originalUrl.slice(query))
  }
}

/**
 * Whether a browser opens a page, and has not logged in. Browsers name a navigation in `Sec-Fetch-Mode`; on plain HTTP
 * they send only `Upgrade-Insecure-Requests` (https://w3c.github.io/webappsec-upgrade-insecure-requests/).
 */
function isFirstVisit ({ headers }: FastifyRequest): boolean {
  return headers.authorization === undefined &&
    (headers['sec-fetch-mode'] === 'navigate' || headers['upgrade-insecure-requests'] === '1')
}
