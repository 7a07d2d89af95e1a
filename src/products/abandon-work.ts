import type { preHandlerHookHandler } from 'fastify'
import type { Database } from '../db/index.ts'
import { ClientClosedError } from '../errors.ts'

/** Returns a hook that abandons the statements and transactions of a request when its client closes the connection. */
export function abandonWork (database: Database): preHandlerHookHandler {
  return (_request, { raw }, done) => {
    const controller = new AbortController()
    // Not the request's own event, which follows its body.
    raw.once('close', () => { if (!raw.writableFinished) controller.abort(new ClientClosedError()) })
    database.withSignal(controller.signal, done)
  }
}
