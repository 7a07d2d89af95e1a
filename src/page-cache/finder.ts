import { andThen, type Cache, type Entry, isMiss, type MaybePromise, type Miss } from '../cache/index.ts'
import { contentOf, type ReadyPage, selectedPageOf } from './page.ts'
import { isVariants, placesOf, type Selection, type Variants } from './variants.ts'

/** Where the page for a request is, or is to be, kept. */
export interface Place {
  /** The key of the URL. */
  readonly primary: string
  /** The key of the page: the same one, unless responses of the URL vary. */
  readonly key: string
  readonly selection: Selection
  /** What is kept under the key of the URL, where its responses vary. */
  readonly variants?: { readonly entry: Entry, readonly value: Variants }
}

/** Where entries are looked for. */
export type Pages = Pick<Cache, 'lookup'>

export type Found = { readonly place: Place } & ({ readonly page: ReadyPage } | { readonly miss: Miss })

/** How a request selects among the responses of a URL. */
export type Select = (list: readonly string[]) => Selection

const OR_LEASE = { lease: true }
const EVERY_REQUEST: Selection = { list: [], values: [] }

/**
 * Looks for the page of a URL.
 *
 * @param lease whether the caller makes the page where it is missing
 */
export function findPage (cache: Pages, primary: string, select: Select, lease: boolean): MaybePromise<Found> {
  return andThen<Entry | Miss, Found>(cache.lookup(primary, lease ? OR_LEASE : undefined), (found) => {
    const place = { primary, key: primary, selection: EVERY_REQUEST }
    if (isMiss(found)) return { place, miss: found }
    const content = contentOf(found)
    if (content === undefined) return { place, miss: { miss: 'corrupt', seen: found } }
    return isVariants(content) ? findVariant(cache, primary, { entry: found, value: content }, select, lease) : { place, page: content }
  })
}

/** As `findPage`, where responses vary. */
export async function findVariant (
  cache: Pages, primary: string, variants: NonNullable<Place['variants']>, select: Select, lease: boolean
): Promise<Found> {
  const { generation, lists } = variants.value
  const look = async (list: readonly string[], lease: boolean): Promise<Found> => {
    const selection = select(list)
    return await findSelected(cache, { primary, variants, selection }, placesOf(primary, generation, selection), lease)
  }
  // One list is the rule. With more, no lease is taken before all have been tried.
  if (lists.length > 1) {
    for (const list of lists) {
      const found = await look(list, false)
      if ('page' in found) return found
    }
  }
  return await look(lists[0]!, lease)
}

async function findSelected (cache: Pages, place: Omit<Place, 'key'>, keys: readonly string[], lease: boolean): Promise<Found> {
  let last: Entry | undefined
  for (const key of keys) {
    const found = await cache.lookup(key, lease ? OR_LEASE : undefined)
    const entry = isMiss(found) ? found.seen : found
    const page = entry && selectedPageOf(entry, place.selection)
    if (isMiss(found)) return { place: { ...place, key }, miss: page === undefined ? withoutStale(found) : found }
    if (page !== undefined) return { place: { ...place, key }, page }
    last = found
  }
  // Both places are taken by others: the second one has to go.
  return { place: { ...place, key: keys.at(-1)! }, miss: { miss: 'absent', seen: last! } }
}

/** The old page of another selection stands in for nothing. */
function withoutStale ({ miss, stale: _, ...rest }: Miss): Miss {
  return { ...rest, miss: miss === 'expired' || miss === 'invalidated' ? 'absent' : miss }
}
