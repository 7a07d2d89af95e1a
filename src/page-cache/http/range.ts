import { isStrongEtag, type Validators } from './conditional.ts'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, type FieldValue } from './fields.ts'

/** A part of a page: its first and its last byte, as `Content-Range` names them. */
export interface ByteRange { readonly start: number, readonly end: number }

/** What it takes to answer with a part. @property date without it no `Last-Modified` is strong */
export interface Ranged extends Pick<Validators, 'etag' | 'lastModified'>, Partial<Pick<Validators, 'date'>> {
  /** In bytes. */
  readonly size: number
}

/** One range of bytes: from a first one to a last one or the end, or so many at the end. RFC 9110 section 14.1.2. */
const RANGE = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i

/**
 * The part that a request asks for; undefined: the whole page, which also answers several ranges, units other than
 * bytes, and a client whose copy is of another page. RFC 9110 sections 13.1.5 and 14.2.
 */
export function selectRange (requestHeaders: Fields, page: Ranged): ByteRange | 'unsatisfiable' | undefined {
  const field = requestHeaders.range
  if (field === undefined) return undefined
  const parts = RANGE.exec(combineLines(field)!)
  if (parts === null || !holds(requestHeaders['if-range'], page)) return undefined
  const [, first, last, suffix] = parts
  return suffix === undefined ? fromTo(Number(first), last === '' ? Infinity : Number(last), page.size) : atEnd(Number(suffix), page.size)
}

function fromTo (first: number, last: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (last < first) return undefined // not a range at all
  return first < size ? { start: first, end: Math.min(last, size - 1) } : 'unsatisfiable'
}

function atEnd (length: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0) return 'unsatisfiable'
  // It can be satisfied, but Content-Range cannot name a part of nothing.
  return size === 0 ? undefined : { start: Math.max(0, size - length), end: size - 1 }
}

/** Whether an `If-Range` is of this page, byte for byte. */
function holds (field: FieldValue, { etag, lastModified, date }: Ranged): boolean {
  if (field === undefined) return true
  const validator = combineLines(field)!
  if (validator.includes('"')) return validator === etag && isStrongEtag(etag)
  if (lastModified === undefined || date === undefined) return false
  const modified = parseHttpDate(lastModified)
  if (modified === undefined || parseHttpDate(validator) !== modified) return false
  // RFC 9110 section 8.8.2.2: it may have been modified once more in the same second.
  return date - modified >= 1000
}
