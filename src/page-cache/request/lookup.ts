import { andThen, type Cache, type Entry, isMiss, type MaybePromise, type Miss } from '../../cache/index.ts'
import { readContent, type PreparedPage, readMatchingPage } from '../stored-response.ts'
import { type CacheLocation, isVariants, type MatchVary, variantKeys, type VaryMatch } from '../key/variants.ts'

/** Where entries are looked for. */
export type Lookup = Pick<Cache, 'lookup'>

export type LookupResult = { readonly location: CacheLocation } & ({ readonly page: PreparedPage } | { readonly miss: Miss })

const EVERY_REQUEST: VaryMatch = { varyNames: [], varyValues: [] }

/** Looks for the page of a URL. */
export function lookUpResponse (cache: Lookup, primary: string, select: MatchVary): MaybePromise<LookupResult> {
  return andThen<Entry | Miss, LookupResult>(cache.lookup(primary), (found) => {
    const place = { primaryKey: primary, key: primary, varyMatch: EVERY_REQUEST }
    if (isMiss(found)) return { location: place, miss: found }
    const content = readContent(found)
    if (content === undefined) return { location: place, miss: { miss: 'corrupt', seen: found } }
    return isVariants(content) ? lookUpVariant(cache, primary, { entry: found, value: content }, select) : { location: place, page: content }
  })
}

/** As `findPage`, where responses vary. */
export async function lookUpVariant (
  cache: Lookup, primary: string, variants: NonNullable<CacheLocation['variants']>, select: MatchVary
): Promise<LookupResult> {
  const { generation, varyLists } = variants.value
  const look = async (list: readonly string[]): Promise<LookupResult> => {
    const selection = select(list)
    return await findSelected(cache, { primaryKey: primary, variants, varyMatch: selection }, variantKeys(primary, generation, selection))
  }
  // One list is the rule.
  if (varyLists.length > 1) {
    for (const list of varyLists) {
      const found = await look(list)
      if ('page' in found) return found
    }
  }
  return await look(varyLists[0]!)
}

async function findSelected (cache: Lookup, place: Omit<CacheLocation, 'key'>, keys: readonly string[]): Promise<LookupResult> {
  let last: Entry | undefined
  for (const key of keys) {
    const found = await cache.lookup(key)
    const entry = isMiss(found) ? found.seen : found
    const page = entry && readMatchingPage(entry, place.varyMatch)
    if (isMiss(found)) return { location: { ...place, key }, miss: page === undefined ? withoutStale(found) : found }
    if (page !== undefined) return { location: { ...place, key }, page }
    last = found
  }
  // Both places are taken by others: the second one has to go.
  return { location: { ...place, key: keys.at(-1)! }, miss: { miss: 'absent', seen: last! } }
}

/** The old page of another selection stands in for nothing. */
function withoutStale ({ miss, stale: _, ...rest }: Miss): Miss {
  return { ...rest, miss: miss === 'expired' || miss === 'invalidated' ? 'absent' : miss }
}
