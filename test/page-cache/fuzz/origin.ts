import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Request fields that handlers look at. */
export const FIELDS = ['x-a', 'x-b', 'accept-language', 'cookie', 'user-agent', 'x-forwarded-host']

/** Numbers that depend on a text alone. */
function dice (text: string): (sides: number) => number {
  let rolls = 0
  return (sides) => hash('sha256', `${text} ${++rolls}`, 'buffer').readUInt32BE() % sides
}

const CONTROLS = [
  undefined, 'max-age=60', 'Max-Age=60 , PUBLIC', 's-maxage="60"', 'max-age=0', 'no-cache', 'no-store, max-age=60',
  'private', 'max-age=60, private="x-odd"',
  'max-age=60, no-cache="X-Odd, x-b"', ', ,max-age=60,,', 'max-age=60, max-age=0', 'ext="max-age=0, a", max-age=60',
  'must-revalidate, max-age=60', 'max-age=99999999999', 'max-age=-1', 'max-age=1.5'
]
const STATUSES = [200, 200, 200, 200, 200, 203, 204, 301, 404, 410, 299, 500, 503, 599]
const ODD_VALUES = ['', 'a,b', '"q, r"', 'x\ty', 'a=b;c', '  ']
const BODIES = ['', 'x', 'body\r\n\r\n', '\u0000\u00ff', 'y'.repeat(5000)]

/** Returns how the handler responds to a path, the same each time. */
function manners (path: string) {
  const roll = dice(path)
  return {
    status: STATUSES[roll(STATUSES.length)]!,
    control: CONTROLS[roll(CONTROLS.length)],
    reads: FIELDS.filter(() => roll(4) === 0),
    /** Names of them that it says it varies by. */
    saysVary: roll(3) === 0,
    odd: ODD_VALUES[roll(ODD_VALUES.length)]!,
    etag: [undefined, undefined, '"own"', 'W/"own"'][roll(4)],
    lastModified: roll(4) === 0 ? 'Sun, 06 Nov 1994 08:49:37 GMT' : undefined,
    cookie: roll(12) === 0,
    body: BODIES[roll(BODIES.length)]!,
    how: ['text', 'buffer', 'stream', 'response'][roll(4)]!
  }
}

/** A list means the same with and without spaces after its commas, and languages mean the same in any case. */
function normalize (name: string, value: string | string[] | undefined): string | undefined {
  if (!['x-a', 'x-b', 'accept-language'].includes(name)) return value as string | undefined
  const list = value === undefined ? undefined : String(value).replaceAll(', ', ',')
  return name === 'accept-language' ? list?.toLowerCase() : list
}

/** A handler whose response depends on the request only: two equal requests get equal responses. */
export function handler (request: FastifyRequest, reply: FastifyReply): unknown {
  const { status, control, reads, saysVary, odd, etag, lastModified, cookie, body, how } = manners(
    request.url.split('?', 1)[0]!
  )
  const seen = reads.map((name) => `${name}: ${JSON.stringify(normalize(name, request.headers[name]))}`)
  // The order of parameters means nothing, but for those of one name.
  const query = JSON.stringify(Object.entries(request.query as object).sort(([one], [other]) => one < other ? -1 : 1))
  const host = request.host.toLowerCase() // a host means the same in any case
  reply.code(status).header('content-type', 'text/plain').header('x-odd', odd).header('x-host', host).header('x-many', [
    '1', '2'
  ])
  if (control !== undefined) reply.header('cache-control', control)
  if (saysVary && reads.length > 0) reply.header('vary', reads.map((name) => name.toUpperCase()).join(' , '))
  if (etag !== undefined) {
    reply.header(
      'etag', etag.replace('own', hash('sha256', String(seen) + query, 'hex').slice(0, 8))
    )
  }
  if (lastModified !== undefined) reply.header('last-modified', lastModified)
  if (cookie) reply.header('set-cookie', 'id=1')
  const content = status === 204 ? '' : `${body}|${seen.join('|')}|${query}|${host}`
  switch (how) {
    case 'buffer': return reply.send(Buffer.from(content, 'latin1'))
    case 'stream': return reply.send(Readable.from([
      content.slice(0, 3), content.slice(3)
    ].filter(Boolean).map((part) => Buffer.from(part))))
    case 'response': return status === 204 ? reply.send() : reply.send(new Blob([content]).stream())
    default: return reply.send(content)
  }
}
