import { encodeValue } from '../../../src/cache/entry/codec.ts'
import type { Entry } from '../../../src/cache/index.ts'
import { type Page, type PreparedPage, readPage } from '../../../src/page-cache/stored-response.ts'

/** Makes a response with a lifetime of 60 s, as it is stored. @param storedAt milliseconds since 1970 */
export function storeResponse (options: Partial<Page>, storedAt: number): { page: PreparedPage, entry: Entry } {
  const entry = makeEntry({
    status: 200,
    headers: {},
    body: Buffer.from('page'),
    etag: '"1"',
    ownEtag: false,
    age: 0,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    allowsAuthorization: false,
    varyValues: [],
    ...options
  } satisfies Page, storedAt)
  return { page: readPage(entry)!, entry }
}

/** Makes an entry with any content, with a lifetime of 60 s. */
export function makeEntry (content: unknown, storedAt: number): Entry {
  const freshUntil = storedAt + 60_000
  return { payload: encodeValue(content), storedAt, freshUntil, staleUntil: freshUntil + 60_000, tags: [], stamp: '' }
}
