import type { Lease, Store } from '../../src/cache/index.ts'

/** A lease that fills a store. */
export function leaseOver (store: Store, key: string, onRelease = () => {}): Lease {
  return {
    async fill (entry) { return await store.set(key, entry) ? 'stored' : 'too-large' },
    release: onRelease
  }
}
