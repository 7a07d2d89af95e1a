import Fastify, { type FastifyInstance } from 'fastify'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'

/** Makes the page, which a cache that works asks for once. */
export async function makePage (): Promise<string> {
  countRun()
  return PAGE
}

/** For the caches of values, which know nothing of HTTP: a route of Fastify that sends what `read` answers for its URL. */
export async function serve (read: (url: string) => Promise<string>, app: FastifyInstance = Fastify()): Promise<void> {
  app.get('/page', async (request, reply) => reply.type(HTML).send(await read(request.url)))
  console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
}
