import {
  andThen, type CacheAdapter, type Entry, isMiss, type MaybePromise, type Miss, type StalenessBound
} from '../../cache/index.ts'
import { type CacheLocation, isVariants, type MatchVary, variantKeys, type VaryMatch } from '../key/variants.ts'
import { type PreparedPage, readContent, readMatchingPage } from '../stored-response.ts'

/** Reads entries of a cache by key: `lookup` counts the read, `peek` does not. */
export type CacheReader = Pick<CacheAdapter, 'lookup'>

/** Makes all reads use earlier checks, as far as the bound allows that. */
export function boundReads (reader: CacheReader, bound: StalenessBound): CacheReader {
  return { lookup: (key) => reader.lookup(key, bound) }
}

/** A fresh stored response, or why there is none. */
export type LookupResult =
  { readonly location: CacheLocation } & ({ readonly page: PreparedPage } | { readonly miss: Miss })

type Found = Entry | Miss

const NO_VARY: VaryMatch = { varyNames: [], varyValues: [] }

/** Looks up the response to a GET request. Completes synchronously if the store does. */
export function lookUpResponse (reader: CacheReader, primaryKey: string, match: MatchVary): MaybePromise<LookupResult> {
  return andThen<Found, LookupResult>(reader.lookup(primaryKey), (found) => {
    const location: CacheLocation = { primaryKey, key: primaryKey, varyMatch: NO_VARY }
    if (isMiss(found)) return { location, miss: found }
    const content = readContent(found)
    if (content === undefined) return { location, miss: { miss: 'corrupt', seen: found } }
    if (!isVariants(content)) return { location, page: content }
    return lookUpVariant(reader, primaryKey, { entry: found, value: content }, match)
  })
}

/** Looks up the response to a HEAD request: that of GET, or else its own (RFC 9111 section 4). */
export function lookUpHead (
  reader: CacheReader, keyOfGet: string, keyOfHead: string, match: MatchVary
): MaybePromise<LookupResult> {
  return andThen<LookupResult, LookupResult>(lookUpResponse(reader, keyOfGet, match), (found) => {
    return 'page' in found ? found : lookUpResponse(reader, keyOfHead, match)
  })
}

/** Looks up the variant for a request, by each list of names in the index. If all miss, the latest list counts. */
export function lookUpVariant (
  reader: CacheReader, primaryKey: string, variants: NonNullable<CacheLocation['variants']>, match: MatchVary
): MaybePromise<LookupResult> {
  const { generation, varyLists } = variants.value
  const [latest, ...earlier] = varyLists.map((varyNames) => () => {
    const varyMatch = match(varyNames)
    return lookUpSlots(reader, { primaryKey, variants, varyMatch }, variantKeys(primaryKey, generation, varyMatch))
  })
  const tryNext = (result: LookupResult): MaybePromise<LookupResult> => {
    const lookUp = 'page' in result ? undefined : earlier.shift()
    if (lookUp === undefined) return result
    return andThen<LookupResult, LookupResult>(lookUp(), (found) => 'page' in found ? found : tryNext(result))
  }
  return andThen<LookupResult, LookupResult>(latest!(), tryNext)
}

/** Looks up a variant under its keys, one after the other: another variant may occupy the first one. */
function lookUpSlots (
  reader: CacheReader, location: Omit<CacheLocation, 'key'>, [key, ...others]: readonly string[]
): MaybePromise<LookupResult> {
  return andThen<Found, LookupResult>(reader.lookup(key!), (found) => {
    const at: CacheLocation = { ...location, key: key! }
    const entry = isMiss(found) ? found.seen : found
    const page = entry && readMatchingPage(entry, location.varyMatch)
    if (isMiss(found)) return { location: at, miss: page === undefined ? withoutStale(found) : found }
    if (page !== undefined) return { location: at, page }
    if (others.length > 0) return lookUpSlots(reader, location, others)
    // Other variants occupy all keys: the new response replaces the one under the last key.
    return { location: at, miss: { miss: 'absent', seen: found } }
  })
}

/** A stale response for other header values may not be served. */
function withoutStale ({ miss, stale: _, ...rest }: Miss): Miss {
  return { ...rest, miss: miss === 'expired' || miss === 'invalidated' ? 'absent' : miss }
}
