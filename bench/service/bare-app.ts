import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import type { Sent } from '../contenders/sent.ts'

/* Bare routes without a logger that send the bytes of others. Argument: a file with the responses, by URL, as JSON. */

const responses = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Record<string, Sent>
const app = Fastify()

for (const [url, { fields, body }] of Object.entries(responses)) {
  const payload = body.length > 64 * 1024 ? Buffer.from(body) : body // whichever is faster
  app.get(url, (_request, reply) => { reply.headers(fields).send(payload) })
}

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
