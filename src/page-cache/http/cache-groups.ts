import { isInnerList, parseList } from 'structured-headers'
import type { FieldValue } from './fields.ts'

/** Parses a list of cache groups, RFC 9875 section 2. A field that is not a list of strings is ignored. */
export function parseCacheGroups (field: FieldValue): string[] {
  try {
    const members = parseList(String(field))
    const names = members.map((member) => isInnerList(member) ? undefined : member[0])
    return names.every((name) => typeof name === 'string') ? names as string[] : []
  } catch {
    return []
  }
}
