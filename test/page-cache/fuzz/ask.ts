import { Agent, request as send, type IncomingHttpHeaders } from 'node:http'

export interface Question {
  method: 'GET' | 'HEAD' | 'POST'
  path: string
  /** Names and values in turn, as they are sent. */
  headers: string[]
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

const agent = new Agent({ keepAlive: true, maxSockets: 8 })

/** Sends a question over the network. */
export async function ask (port: number, { method, path, headers }: Question): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const outgoing = send({ agent, host: '127.0.0.1', port, method, path, headers, setHost: false }, (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => resolve({
      status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks)
    }))
    incoming.on('error', reject)
  })
  outgoing.on('error', reject)
  outgoing.end()
  return await promise
}

export const hangUp = (): void => agent.destroy()
