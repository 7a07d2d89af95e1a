import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** That of requests which do not come over a socket. */
export const HOST = { host: 'localhost:80' }

/** Asks over a real socket. */
export async function open (app: FastifyInstance, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const address = app.listeningOrigin
  const asked = httpRequest(`${address}/page`, { headers: { ...HOST, ...headers }, agent: false }).end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  answer.on('error', () => {})
  return answer
}
