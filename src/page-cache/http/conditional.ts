import crypto from 'node:crypto'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, trimWhitespace } from './fields.ts'

/** Computes a strong entity tag from a body. */
export function computeEtag (body: Uint8Array): string {
  return `"${crypto.hash('sha256', body, 'base64url')}"`
}

/** An entity tag in a list: it may contain commas and bytes beyond ASCII, and a backslash escapes nothing. */
const TAG = /[ \t,]*([^", \t]*"[^"]*"|[^", \t]+)[ \t]*(?:,|$)/y

/**
 * Whether `If-None-Match` lists an entity tag, by weak comparison, RFC 9110 sections 8.8.3.2 and 13.1.2.
 *
 * A tag without quotes matches only a tag that is written without quotes too.
 */
export function matchesNone (field: string | undefined, etag: string): boolean {
  if (field === undefined) return false
  if (field === etag || isAny(field)) return true
  const wanted = removeWeakMark(etag)
  return someTag(field, (tag) => removeWeakMark(tag) === wanted)
}

/** Whether an entity tag is strong: equal only for equal bytes, RFC 9110 section 8.8.3. */
export function isStrongEtag (etag: string): boolean {
  return /^"[^"]*"$/.test(etag)
}

/** The validators of a response, RFC 9110 section 8.8. */
export interface Validators {
  readonly etag: string
  readonly lastModified: string | undefined
  /** When it was generated, in milliseconds since 1970. */
  readonly date: number
}

/** Whether the client's copy is current, so that it gets a 304: RFC 9110 section 13.2.2, RFC 9111 section 4.3.2. */
export function isNotModified (requestHeaders: Fields, stored: Validators): boolean {
  const tags = requestHeaders['if-none-match']
  if (tags !== undefined) return matchesNone(combineLines(tags), stored.etag)
  const field = requestHeaders['if-modified-since']
  if (field === undefined) return false
  const since = parseHttpDate(combineLines(field)!)
  if (since === undefined) return false
  // Its date is exact to the millisecond: the client's copy may be from earlier in the same second.
  const { lastModified, date } = stored
  const modified = (lastModified === undefined ? undefined : parseHttpDate(lastModified)) ?? date
  return modified <= since
}

function isAny (field: string): boolean {
  return trimWhitespace(field) === '*'
}

/** Whether a test holds for some tag of a list; it ends at the first text that is not a tag. */
function someTag (field: string, test: (tag: string) => boolean): boolean {
  TAG.lastIndex = 0
  for (let match = TAG.exec(field); match !== null; match = TAG.exec(field)) {
    if (test(match[1]!)) return true
  }
  return false
}

/** Removes the mark of a weak tag. Some servers write it in lower case. */
function removeWeakMark (tag: string): string {
  return /^[Ww]\//.test(tag) ? tag.slice(2) : tag
}
