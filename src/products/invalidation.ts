import type { Cache } from '../cache/index.ts'
import { PRODUCT_LIST_KEY, type Products } from './repository.ts'

/** Deletes the cached product list after every change of a product: one or many, whichever way the repository was asked. */
export function invalidateProductList (products: Products, cache: Cache): void {
  // Tidiness: the clock of the database has made the list unusable already. The cache tells what fails.
  const forget = () => cache.delete(PRODUCT_LIST_KEY).catch(() => {})
  products.afterSave.subscribe(PRODUCT_LIST_KEY, forget)
  products.afterDelete.subscribe(PRODUCT_LIST_KEY, forget)
}
