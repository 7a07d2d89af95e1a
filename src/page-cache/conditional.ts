import { hash } from 'node:crypto'

/** A strong validator made from the body. */
export function etagOf (body: Uint8Array): string {
  return `"${hash('sha256', body, 'base64url')}"`
}

/** Whether `If-None-Match` names the entity tag, by weak comparison, RFC 9110 sections 8.8.3.2 and 13.1.2. */
export function noneMatches (field: string | undefined, etag: string): boolean {
  if (field === undefined) return false
  if (field.trim() === '*') return true
  const opaque = etag.replace(/^W\//, '')
  for (const [, tag] of field.matchAll(/(?:W\/)?("[^"]*")/g)) {
    if (tag === opaque) return true
  }
  return false
}
