import type { IncomingMessage } from 'node:http'
import { errorCodes, type FastifyRequest } from 'fastify'
import { ClientClosedError, OverloadedError } from '../../errors.ts'
import type { BodyMemory } from './body-memory.ts'

/** Bytes that a chunk takes beside its content. A client may send one byte in each. */
const CHUNK_BYTES = 128

/**
 * Receives a body in memory of its own.
 *
 * A body for which there is no memory is received too, and dropped: a client reads no response before it has sent all.
 */
export async function receiveBody (
  request: FastifyRequest, payload: IncomingMessage, memory: BodyMemory
): Promise<Buffer> {
  const { bodyLimit } = request.routeOptions
  if (Number(request.headers['content-length']) > bodyLimit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
  const chunks: Buffer[] = []
  let length = 0
  let hasMemory = true
  for await (const chunk of readChunks(payload)) {
    length += chunk.length
    if (length > bodyLimit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
    if (memory.take(request, chunk.length + CHUNK_BYTES)) chunks.push(chunk)
    else {
      hasMemory = false
      chunks.length = 0
      memory.close(request)
    }
  }
  if (!hasMemory) throw new OverloadedError()
  return Buffer.concat(chunks, length)
}

async function * readChunks (payload: IncomingMessage): AsyncIterable<Buffer> {
  try {
    // Otherwise a request whose body is too long would lose its socket, and so its address for hooks and the log.
    yield * payload.iterator({ destroyOnReturn: false })
  } catch {
    throw new ClientClosedError()
  }
}
