/** Rows whose numbers only ever grow, in groups. */
export const CELLS = 24
export const GROUPS = 3

export const SCHEMA = `
  CREATE TABLE cells (id int PRIMARY KEY, grp int NOT NULL, n int NOT NULL DEFAULT 0);
  CREATE INDEX ON cells (grp);
  INSERT INTO cells SELECT i, i % ${GROUPS} FROM generate_series(0, ${CELLS - 1}) i`

/** What has been committed for sure: a reader that begins now may see more, and never less. */
export class Committed {
  readonly #numbers = new Array<number>(CELLS).fill(0)
  commits = 0
  /** Counts failovers that have lost commits. */
  history = 0

  /** Call it when the database has answered COMMIT. */
  note (written: ReadonlyMap<number, number>): void {
    this.commits++
    for (const [id, n] of written) this.#numbers[id] = Math.max(this.#numbers[id]!, n)
  }

  /** Call it when another server has taken over. @param numbers of all cells there */
  beginHistory (numbers: readonly number[]): void {
    this.history++
    for (const [id, n] of numbers.entries()) this.#numbers[id] = n
  }

  /** The least sum of the numbers of some rows. */
  sum (matches: (id: number) => boolean): number {
    return this.#numbers.reduce((sum, n, id) => matches(id) ? sum + n : sum, 0)
  }
}
