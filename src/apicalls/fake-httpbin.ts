import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import Type from 'typebox'

export interface FakeHttpbin {
  url: string
  close (): Promise<void>
}

const params = Type.Object({ seconds: Type.Number({ minimum: 0, maximum: 10 }) })

/**
 * Starts a server with the one endpoint of httpbin that we need: `GET /delay/:seconds` responds after that time.
 *
 * It listens on a free port of loopback, so that the service makes real HTTP requests without a network.
 */
export async function startFakeHttpbin (): Promise<FakeHttpbin> {
  // Its type checks the schema. To compile the schema of schemas would take longer than the rest of this server.
  const app = Fastify({ ajv: { customOptions: { validateSchema: false } } })
  app.get<{ Params: { seconds: number } }>('/delay/:seconds', { schema: { params } }, async (request) => {
    const { seconds } = request.params
    await sleep(seconds * 1000)
    return { url: request.url, delay: seconds }
  })
  // Exclusive: workers would share one port otherwise, and each request would go to another one.
  const url = await app.listen({ host: '127.0.0.1', port: 0, exclusive: true })
  return { url, close: () => app.close() }
}
