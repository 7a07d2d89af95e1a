import { isInnerList, parseList } from 'structured-headers'
import type { ReplyHeaders } from './page.ts'
import type { Target } from './key.ts'

/** As many groups and characters of a name as RFC 9875 section 2 asks a cache to take. Further ones are not. */
const MAX_GROUPS = 128
const MAX_LENGTH = 128

/** The tags of the groups that a `Cache-Groups` or `Cache-Group-Invalidation` field names: they are those of one origin, RFC 9875. */
export function groupTags (field: ReplyHeaders[string], { protocol, host }: Pick<Target, 'protocol' | 'host'>): string[] {
  if (field === undefined) return []
  return namesIn(String(field)).slice(0, MAX_GROUPS).map((name) => `group:${protocol}://${host.toLowerCase()} ${name}`)
}

/** A field that is no list of strings is none, RFC 9875 section 2. */
function namesIn (field: string): string[] {
  try {
    const members = parseList(field)
    const names = members.map((member) => isInnerList(member) ? undefined : member[0])
    return names.every((name) => typeof name === 'string' && name.length <= MAX_LENGTH) ? names as string[] : []
  } catch {
    return []
  }
}
