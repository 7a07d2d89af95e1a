import { type Cursor, isCursor } from '../cursor.ts'

/** A page of the list, to which a form returns. */
export interface ListPlace {
  /** From 1. */
  page: number
  /** The position after which the page begins, if it has been reached by one. */
  after?: Cursor | undefined
}

/**
 * Reads the page of the list from the query of a form. Anything invalid is the first page.
 *
 * The query has parts of an address and no address, so that a form cannot lead to another site.
 */
export function parsePlace (query: unknown): ListPlace {
  const { page, after } = query as Record<string, unknown>
  return {
    page: typeof page === 'string' && /^[1-9]\d{0,5}$/.test(page) ? Number(page) : 1,
    ...isCursor(after) && { after }
  }
}

/** Writes the page of the list as the query of an address. It is empty for the first page. */
export function writePlaceQuery ({ page, after }: ListPlace): string {
  if (after !== undefined) return `?page=${page}&after=${after}`
  return page === 1 ? '' : `?page=${page}`
}

/** Writes the address of the page of the list, with a part of the page to show. */
export function writeListUrl (place: ListPlace, fragment: string): string {
  return `/${writePlaceQuery(place)}#${fragment}`
}
