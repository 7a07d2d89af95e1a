import { hash } from 'node:crypto'
import { isInnerList, parseList } from 'structured-headers'
import type { ReplyHeaders } from '../stored-response.ts'
import { normalizeHost, type RequestTarget } from '../key/key.ts'

/** Characters of a name that stand in a tag as they are. RFC 9875 section 2 asks caches to take at least as many. */
const MAX_LENGTH = 128

/** The tags of the groups that a `Cache-Groups` or `Cache-Group-Invalidation` field names: they are those of one origin, RFC 9875. */
export function parseGroupTags (field: ReplyHeaders[string], { protocol, host }: Pick<RequestTarget, 'protocol' | 'host'>): string[] {
  if (field === undefined) return []
  const start = `group:${protocol}://${normalizeHost(host, protocol)}`
  return namesIn(String(field)).map((name) => name.length <= MAX_LENGTH ? `${start} ${name}` : `${start}#${hash('sha256', name, 'base64url')}`)
}

/** A field that is no list of strings is none, RFC 9875 section 2. */
function namesIn (field: string): string[] {
  try {
    const members = parseList(field)
    const names = members.map((member) => isInnerList(member) ? undefined : member[0])
    return names.every((name) => typeof name === 'string') ? names as string[] : []
  } catch {
    return []
  }
}
