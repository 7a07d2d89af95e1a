/** A figure of one curve, at a number of entries, of tags or of bytes. */
export interface Point { curve: string, at: number, figure: number }
