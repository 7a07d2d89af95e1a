import type { Cache } from '../larder/index.ts'
import { PRODUCT_LIST_KEY, type Products } from './repository.ts'

/**
 * Deletes the cached product list after every change of one or more products.
 *
 * This frees memory. It is not needed for correctness: the database's version clock has invalidated the list already.
 * So an error is ignored here; the cache reports it in its events.
 */
export function invalidateProductList (products: Products, cache: Cache): void {
  const deleteList = () => cache.delete(PRODUCT_LIST_KEY).catch(() => {})
  products.afterSave.subscribe(PRODUCT_LIST_KEY, deleteList)
  products.afterDelete.subscribe(PRODUCT_LIST_KEY, deleteList)
}
