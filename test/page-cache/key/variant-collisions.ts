import { type CacheAdapter, isMiss } from '../../../src/cache/index.ts'
import { isVariants, variantKeys, type Variants } from '../../../src/page-cache/key/variants.ts'
import { readContent } from '../../../src/page-cache/stored-response.ts'

/**
 * Returns the index of the variants of a URL, and its key.
 *
 * @param keys that were stored, the one of the index among them
 */
export async function readIndex (
  cache: CacheAdapter, keys: string[]
): Promise<{ primaryKey: string, index: Variants }> {
  const primaryKey = keys.find((key) => key.split(':').length === 3)!
  const found = await cache.lookup(primaryKey)
  const content = isMiss(found) ? undefined : readContent(found)
  if (content === undefined || !isVariants(content)) throw new Error('there is no index')
  return { primaryKey, index: content }
}

/**
 * Returns so many values of the last header of a list whose variants share their first key.
 *
 * @param options `varyNames`: default the latest list of the index; `before`: the values of its other headers;
 *   `sameSecond`: whether they share the second key too
 */
export function findColliding (
  primaryKey: string, { generation, varyLists }: Variants, count: number,
  { varyNames = varyLists[0]!, before = [], sameSecond = false }: {
    varyNames?: readonly string[], before?: string[], sameSecond?: boolean
  } = {}
): string[] {
  const byKeys = new Map<string, string[]>()
  for (let i = 0; ; i++) {
    const value = `v${i}`
    const [first, second] = variantKeys(primaryKey, generation, { varyNames, varyValues: [...before, value] })
    const keys = sameSecond ? `${first} ${second}` : first
    const values = [...byKeys.get(keys) ?? [], value]
    if (values.length === count) return values
    byKeys.set(keys, values)
  }
}
