/** Which transactions can be seen: PostgreSQL's `pg_snapshot`, written xmin:xmax:xip,xip,… */
export class Snapshot {
  readonly text: string
  /** All transactions below it have ended. */
  readonly xmin: bigint
  readonly #xmax: bigint
  /** Transactions between the two that had not ended. */
  readonly #open: ReadonlySet<bigint>

  constructor (text: string) {
    const [xmin, xmax, open] = text.split(':') as [string, string, string]
    this.text = text
    this.xmin = BigInt(xmin)
    this.#xmax = BigInt(xmax)
    this.#open = new Set(open === '' ? [] : open.split(',').map(BigInt))
  }

  /** Whether what a transaction changed can be seen, if it was committed. */
  includes (xid: bigint): boolean {
    return xid < this.#xmax && !this.#open.has(xid)
  }
}
