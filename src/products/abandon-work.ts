import type { preHandlerHookHandler } from 'fastify'
import type { Database } from '../db/index.ts'
import { ClientClosedError } from '../errors.ts'

/** Returns a hook that abandons the statements and transactions of a request when its client closes the connection. */
export function abandonWork (database: Database): preHandlerHookHandler {
  return (_request, { raw }, done) => {
    const controller = new AbortController()
    const onClose = () => { if (!raw.writableFinished) controller.abort(new ClientClosedError()) }
    // Not the event of the request, which follows its body. It may be over if a large body was parsed for long.
    if (raw.closed) onClose()
    else raw.once('close', onClose)
    database.withSignal(controller.signal, done)
  }
}
