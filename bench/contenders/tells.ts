import { request } from 'undici'
import type { Sent } from './sent.ts'

/** Fields by which a hit tells clients and caches on its way what it is. */
const FIELDS = { etag: 'ETag', 'cache-control': 'Cache-Control', age: 'Age', 'cache-status': 'Cache-Status' }

/** What a contender tells its clients beside the page: a cache that tells less has less to do for a hit. */
export async function tellsOf (url: string, { fields }: Sent): Promise<string[]> {
  const tells = Object.entries(FIELDS).filter(([field]) => fields[field] !== undefined).map(([, name]) => name)
  const { etag } = fields
  if (etag === undefined) return tells
  const { statusCode, body } = await request(url, { headers: { 'if-none-match': etag } })
  await body.dump()
  return statusCode === 304 ? [...tells, '304'] : tells
}
