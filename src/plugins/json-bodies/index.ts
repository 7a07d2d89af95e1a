import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { InvalidUtf8Error } from '../../errors.ts'
import { JsonThread } from './thread.ts'

/**
 * Bytes of a body that is parsed on the event loop, in a few milliseconds at most. It is half of Node's pool of
 * buffers, so a longer body has memory of its own, which can be handed over to a thread.
 */
const MAX_INLINE = 32 * 1024

/**
 * Makes JSON the only type of bodies in this scope, and parses it strictly: valid UTF-8, without poisoned prototypes.
 *
 * A large body is parsed and validated in a thread, since 8 MiB of it could block the event loop for seconds.
 */
export function readJsonBodies (app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  const thread = new JsonThread()
  app.addHook('onClose', () => thread.close())
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length > MAX_INLINE) {
      const schema = request.routeOptions.schema?.body as object | undefined
      thread.parse(bytes, schema).then((body) => done(null, body), done)
    // Otherwise each invalid byte would become U+FFFD.
    } else if (isUtf8(bytes)) parseJson(request, bytes.toString(), done)
    else done(new InvalidUtf8Error())
  })
}
