import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CacheUnavailableError, PurgeError } from '../../errors.ts'
import type { Purge } from '../../page-cache/index.ts'
import { requireToken } from '../../hooks/require-admin.ts'

const url = '/cache/purge'
const MAX_LENGTH = 2_000
const MAX_TAGS = 100

const Body = Type.Object({
  url: Type.Optional(Type.String({
    maxLength: MAX_LENGTH, description: 'Deletes the pages of an absolute URL, or of a path on all hosts'
  })),
  urlPrefix: Type.Optional(Type.String({
    maxLength: MAX_LENGTH, description: 'Deletes the pages of all URLs that begin with a path'
  })),
  route: Type.Optional(Type.String({ maxLength: MAX_LENGTH, description: 'Deletes the pages of a route pattern' })),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024, description: 'Deletes the entries with a tag' })),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 1_024 }), {
    maxItems: MAX_TAGS, description: 'Deletes the entries with one of the tags'
  })),
  all: Type.Optional(Type.Literal(true, { description: 'Deletes all entries' }))
}, { additionalProperties: false, minProperties: 1, maxProperties: 1 })

/** `POST /cache/purge`. Without a token in the environment there is no such route. */
export const purgeApi: FastifyPluginCallbackTypebox<{ token: string | undefined }> = (app, { token }, done) => {
  if (token === undefined) return done()
  app.post(url, {
    onRequest: requireToken(token),
    schema: {
      tags: ['cache'],
      summary: 'Deletes entries from the cache, and returns how many',
      body: Body,
      response: { 200: Type.Object({ purged: Type.Integer() }) }
    }
  }, async ({ body }) => {
    try {
      return { purged: await app.larder.purge(body as Purge) }
    } catch (error) {
      throw error instanceof TypeError ? new PurgeError(error.message) : new CacheUnavailableError()
    }
  })
  done()
}
