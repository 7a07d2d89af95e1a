import buffer from 'node:buffer'
import crypto from 'node:crypto'
import { decode } from './query.ts'

/** Characters of a path that its keys show. */
const MAX_SHOWN = 200
/** Characters of the digest of a query: if two share one, only a purge deletes more. */
const DIGEST_LENGTH = 11

/** The parts of a URL in a normal form. */
interface UrlParts {
  readonly path: string
  readonly query: ReadonlyArray<readonly [name: string, value: string | null]>
}

/**
 * Writes a URL as its keys show it: the path, and a digest of the query, which may contain secrets.
 *
 * It is the same for all ways to encode a URL, so that a purge finds them all. A "?" or a space follows the path.
 */
export function showUrl ({ path, query }: UrlParts): string {
  const encoded = encodePath(path)
  if (query.length === 0 && encoded.length <= MAX_SHOWN) return `${encoded} `
  const pairs = query.map(([name, value]) => `${encodeParam(name)}=${encodeParam(value ?? '')}`).sort()
  const digest = crypto.hash('sha256', `${encoded}?${pairs.join('&')}`, 'base64url').slice(0, DIGEST_LENGTH)
  return `${encoded.slice(0, MAX_SHOWN)}?${digest} `
}

/** Writes the beginning of a path as keys show it. */
export function showPath (path: string): string {
  return encodePath(path).slice(0, MAX_SHOWN)
}

/** Returns what may follow a path in keys that show it as a whole. */
export function listPathEnds (path: string): string[] {
  const shown = showPath(path)
  return [`${shown} `, `${shown}?`]
}

/** Reads characters that a client has not encoded: in UTF-8 if they are valid, else in Latin-1 as Node does. */
export function readUtf8 (url: string): string {
  if (!/[\u0080-\u00FF]/.test(url)) return url
  const bytes = Buffer.from(url, 'latin1')
  return buffer.isUtf8(bytes) && bytes.toString('latin1') === url ? bytes.toString() : url
}

function encodePath (path: string): string {
  return /[^\w./~-]/.test(path) ? path.split('/').map(encode).join('/') : path
}

function encodeParam (text: string): string {
  return encode(text.replaceAll('+', ' '))
}

function encode (text: string): string {
  return encodeURIComponent((decode(text) ?? text).toWellFormed())
}
