import type { CacheAdapter } from '../cache/index.ts'
import { CacheStats } from './stats.ts'

const opened = new WeakMap<CacheAdapter, { readonly stats: CacheStats, users: number }>()

/**
 * Returns the statistics of a cache. All its dashboards and registries share them, so that they show the same figures
 * and each event is counted once.
 *
 * @param onClose is called with a function that ends this use
 */
export function openStats (cache: CacheAdapter, onClose: (close: () => void) => void): CacheStats {
  const shared = opened.get(cache) ?? { stats: new CacheStats(cache), users: 0 }
  opened.set(cache, shared)
  shared.users++
  onClose(() => {
    if (--shared.users > 0) return
    opened.delete(cache)
    shared.stats.close()
  })
  return shared.stats
}
