import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import Type from 'typebox'

/**
 * A small httpbin: `GET /delay/:seconds` answers after that time, at most 10 s. It listens on a free loopback port,
 * so that a call to it is a real one.
 */
export async function startStandIn (): Promise<{ url: string, close (): Promise<void> }> {
  const app = Fastify()
  const params = Type.Object({ seconds: Type.Number({ minimum: 0, maximum: 10 }) })
  app.get<{ Params: { seconds: number } }>('/delay/:seconds', { schema: { params } }, async ({ params: { seconds }, url }) => {
    await sleep(seconds * 1000)
    return { url, delay: seconds }
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return { url, close: () => app.close() }
}
