import Fastify, { type FastifyInstance } from 'fastify'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'

/** Makes the page. A cache that works calls this once. */
export async function makePage (): Promise<string> {
  countRun()
  return PAGE
}

/** Serves the values of a cache over HTTP: a route of Fastify that sends what `read` returns for its URL. */
export async function serve (read: (url: string) => Promise<string>, app: FastifyInstance = Fastify()): Promise<void> {
  app.get('/page', async (request, reply) => reply.type(HTML).send(await read(request.url)))
  console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
}
