import crypto from 'node:crypto'
import { parseCacheGroups } from '../http/cache-groups.ts'
import type { FieldValue } from '../http/fields.ts'
import { normalizeHost, type RequestTarget } from './key.ts'

/** Characters of the longest group name that is part of a tag; caches have to support 128, RFC 9875 section 2. */
const MAX_LENGTH = 128

/** Returns the names of the groups in a `Cache-Groups` field that can be tags as they are. */
export function listGroups (field: FieldValue): string[] {
  return field === undefined ? [] : parseCacheGroups(field).filter((name) => name !== '' && name.length <= MAX_LENGTH)
}

/**
 * Returns the cache tags for the groups of a `Cache-Groups` or `Cache-Group-Invalidation` field, RFC 9875.
 *
 * @param target groups belong to its origin
 */
export function groupTags (field: FieldValue, { protocol, host }: Pick<RequestTarget, 'protocol' | 'host'>): string[] {
  if (field === undefined) return []
  const origin = `group:${protocol}://${normalizeHost(host, protocol)}`
  return parseCacheGroups(field).map((name) => {
    return name.length <= MAX_LENGTH ? `${origin} ${name}` : `${origin}#${crypto.hash('sha256', name, 'base64url')}`
  })
}
