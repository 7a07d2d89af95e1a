import type { Products } from './repository.ts'

const KINDS = [
  'Olive oil', 'Honey', 'Sourdough loaf', 'Green lentils', 'Black tea', 'Coffee beans', 'Sea salt', 'Rye flour',
  'Plum jam', 'Goat cheese', 'Apple vinegar', 'Oat biscuits', 'Dried figs', 'Brown rice', 'Tomato passata', 'Chickpeas',
  'Peppercorns', 'Hazelnuts', 'Dark chocolate', 'Elderflower cordial'
]
const SIZES = [['small jar', 1], ['medium jar', 1.8], ['large jar', 3.2], ['crate of six', 5.4], ['sack', 9.5]] as const

/** The 100 products of a new database, oldest first. */
export const SEED = SIZES.flatMap(([size, factor]) => KINDS.map((kind, i) => ({
  title: `${kind}, ${size}`,
  price: ((2.4 + (i * 7 % 11) * 0.65) * factor).toFixed(2)
})))

const HOUR_MS = 3_600_000

/**
 * Fills an empty table, as if one product had been created every hour until now. Leaves any other table alone.
 *
 * @param now milliseconds since 1970
 * @returns how many products it created
 */
export async function seedProducts (products: Products, now: number): Promise<number> {
  return await products.createFirst(SEED.map((product, i) => ({
    ...product,
    created: new Date(now - (SEED.length - i) * HOUR_MS).toISOString()
  })))
}
