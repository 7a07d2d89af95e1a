import { hash } from 'node:crypto'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, trimWhitespace } from './fields.ts'

/** A strong validator made from the body. */
export function computeEtag (body: Uint8Array): string {
  return `"${hash('sha256', body, 'base64url')}"`
}

/** A tag as it stands in a list: commas and bytes beyond ASCII may be part of it, and a backslash escapes nothing. */
const TAG = /[ \t,]*([^", \t]*"[^"]*"|[^", \t]+)[ \t]*(?:,|$)/y

/**
 * Whether `If-None-Match` names the entity tag, by weak comparison, RFC 9110 sections 8.8.3.2 and 13.1.2. A tag without
 * quotes is only ever the same as one that was sent without.
 */
export function matchesNone (field: string | undefined, etag: string): boolean {
  if (field === undefined) return false
  if (field === etag || isAny(field)) return true
  const opaque = opaqueOf(etag)
  return anyTag(field, (tag) => opaqueOf(tag) === opaque)
}

/** A tag that is the same only for the same bytes. */
export function isStrongEtag (etag: string): boolean {
  return /^"[^"]*"$/.test(etag)
}

/** What it takes to tell whether a client's copy is the page. */
export interface Validators {
  readonly etag: string
  readonly lastModified: string | undefined
  /** When it was made, milliseconds since 1970. */
  readonly date: number
}

/** Whether a request is for nothing but a page that differs from this one, RFC 9110 section 13.2.2 and RFC 9111 section 4.3.2. */
export function isNotModified (requestHeaders: Fields, page: Validators): boolean {
  const tags = requestHeaders['if-none-match']
  if (tags !== undefined) return matchesNone(combineLines(tags), page.etag)
  const field = requestHeaders['if-modified-since']
  if (field === undefined) return false
  const since = parseHttpDate(combineLines(field)!)
  if (since === undefined) return false
  // The page's own date is taken to the millisecond: the client's copy may be from earlier in the same second.
  const modified = (page.lastModified === undefined ? undefined : parseHttpDate(page.lastModified)) ?? page.date
  return modified <= since
}

function isAny (field: string): boolean {
  return trimWhitespace(field) === '*'
}

/** Looks at the tags of a list one by one, up to the first that none can be. */
function anyTag (field: string, test: (tag: string) => boolean): boolean {
  TAG.lastIndex = 0
  for (let match = TAG.exec(field); match !== null; match = TAG.exec(field)) {
    if (test(match[1]!)) return true
  }
  return false
}

/** Without the mark of a weak tag, which some write small. */
function opaqueOf (tag: string): string {
  return /^[Ww]\//.test(tag) ? tag.slice(2) : tag
}
