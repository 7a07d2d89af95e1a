import createError from '@fastify/error'
import type { FastifyInstance } from 'fastify'
import type { Larder } from '../page-cache/index.ts'

const RegistrationError = createError('FST_ERR_LARDER_NOT_REGISTERED',
  'There is no app.larder. Register fastify-larder before, in this scope or in a parent scope.', 500)

/** Returns `app.larder`. Throws if the caches are not registered. */
export function findLarder (app: FastifyInstance): Larder {
  if (!app.hasDecorator('larder')) throw new RegistrationError()
  return app.larder
}
