import { CELLS, GROUPS } from '../storm/cells.ts'

/** A page, and the cells that it shows the sum of. */
export interface Page {
  readonly path: string
  readonly has: (id: number) => boolean
}

export const PAGES: readonly Page[] = [
  ...Array.from({ length: CELLS }, (_, id): Page => ({ path: `/cells/${id}`, has: (i) => i === id })),
  ...Array.from({ length: GROUPS }, (_, grp): Page => ({ path: `/groups/${grp}`, has: (i) => i % GROUPS === grp })),
  { path: '/all', has: () => true }
]
