import { isStrongEtag, type Validators } from './conditional.ts'
import { parseHttpDate } from './date.ts'
import { combineLines, type Fields, type FieldValue } from './fields.ts'

/** The first and the last byte of a part, as in `Content-Range`. */
export interface ByteRange { readonly start: number, readonly end: number }

/** A whole response from which a part may be selected. Without a `date`, no `Last-Modified` is strong. */
export interface Whole extends Pick<Validators, 'etag' | 'lastModified'>, Partial<Pick<Validators, 'date'>> {
  /** Bytes of the body. */
  readonly size: number
}

/** One range of bytes: first to last, first to the end, or a number of bytes at the end. RFC 9110 section 14.1.2. */
const RANGE = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i

/**
 * Returns the part of a response that a request asks for, RFC 9110 sections 13.1.5 and 14.2.
 *
 * @returns undefined: the whole response, also for several ranges, for units other than bytes, and if the `If-Range` of
 *   the client is for another response
 */
export function selectRange (requestHeaders: Fields, whole: Whole): ByteRange | 'unsatisfiable' | undefined {
  const field = requestHeaders.range
  if (field === undefined) return undefined
  const parts = RANGE.exec(combineLines(field)!)
  if (parts === null || !matchesIfRange(requestHeaders['if-range'], whole)) return undefined
  const [, first, last, suffix] = parts
  if (suffix !== undefined) return selectSuffix(Number(suffix), whole.size)
  return selectFromTo(Number(first), last === '' ? Infinity : Number(last), whole.size)
}

function selectFromTo (first: number, last: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (last < first) return undefined // not a valid range
  return first < size ? { start: first, end: Math.min(last, size - 1) } : 'unsatisfiable'
}

function selectSuffix (length: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0) return 'unsatisfiable'
  // It can be satisfied, but Content-Range cannot describe a part of an empty body.
  return size === 0 ? undefined : { start: Math.max(0, size - length), end: size - 1 }
}

/** Whether an `If-Range` is for the same bytes: it has to be a strong validator. */
function matchesIfRange (field: FieldValue, { etag, lastModified, date }: Whole): boolean {
  if (field === undefined) return true
  const validator = combineLines(field)!
  if (validator.includes('"')) return validator === etag && isStrongEtag(etag)
  if (lastModified === undefined || date === undefined) return false
  const modified = parseHttpDate(lastModified)
  if (modified === undefined || parseHttpDate(validator) !== modified) return false
  // RFC 9110 section 8.8.2.2: it may have been modified again in the same second.
  return date - modified >= 1000
}
