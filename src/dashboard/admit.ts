import type { onRequestHookHandler } from 'fastify'
import { isLocal } from '../access/is-local.ts'
import { isSameSite } from '../access/is-same-site.ts'
import { requireToken } from '../access/require-token.ts'
import { CrossSiteError } from './errors.ts'
import type { DashboardOptions } from './options.ts'

/** Creates an `onRequest` hook that admits the clients to whom the dashboard is open, and those that send the token. */
export function admit ({ token, openTo = token === undefined ? 'loopback' : 'nobody' }: DashboardOptions) {
  const check = requireToken(token)
  const hook: onRequestHookHandler = function (request, reply, done) {
    if (!isSameSite(request)) return done(new CrossSiteError())
    if (openTo === 'everyone' || (openTo === 'loopback' && isLocal(request))) return done()
    check.call(this, request, reply, done)
  }
  return hook
}
