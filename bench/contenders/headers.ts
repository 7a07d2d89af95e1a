import { request } from 'undici'
import type { Sent } from './sent.ts'

/** Headers that inform clients, and caches on the way, about a stored response. */
const FIELDS = { etag: 'ETag', 'cache-control': 'Cache-Control', age: 'Age', 'cache-status': 'Cache-Status' }

/** Lists the headers of a hit, and `304` if it answers conditions. A cache with fewer has less work for a hit. */
export async function listHeaders (url: string, { fields }: Sent): Promise<string[]> {
  const names = Object.entries(FIELDS).filter(([field]) => fields[field] !== undefined).map(([, name]) => name)
  const { etag } = fields
  if (etag === undefined) return names
  const { statusCode, body } = await request(url, { headers: { 'if-none-match': etag } })
  await body.dump()
  return statusCode === 304 ? [...names, '304'] : names
}
