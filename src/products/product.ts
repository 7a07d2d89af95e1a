/** A product, as the API returns it. */
export interface Product {
  id: number
  title: string
  price: string
  /** ISO 8601, UTC, with milliseconds. */
  created: string
  updated: string
}

/** The longest texts, in characters. */
export const TITLE_MAX_LENGTH = 200
export const PRICE_MAX_LENGTH = 20
