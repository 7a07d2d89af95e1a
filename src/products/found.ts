import { ProductNotFoundError } from '../errors.ts'
import type { Product } from './table.ts'

/** The product, or a 404 error that names the id that was asked for. */
export function found (id: string, product: Product | undefined): Product {
  if (product === undefined) throw new ProductNotFoundError(id)
  return product
}
