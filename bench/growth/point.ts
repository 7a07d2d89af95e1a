/** One figure of a curve, at a number of entries, tags or bytes. */
export interface Point { curve: string, at: number, figure: number }
