import { isVisible, type ModelSnapshot, writeSnapshot } from './snapshot.ts'
import type { Change } from './transactions.ts'

/*
 * The queries of the clock, once more: looks, larder.stale() and larder.fold(). A test compares them with those that
 * PostgreSQL runs.
 */

/** The slot of all rows of a relation, and of the schema in relation 0. */
const ALL = -1
/** The slot under which the last change of any row of a relation is folded. */
const ANY = -2

/** What a naive design does otherwise than PostgreSQL and the functions of the clock. */
export interface Flaws {
  /** Changes in a savepoint are listed with its own number, as `xmin` of their row. */
  readonly listsSavepoints?: boolean
  /** A crash or failover keeps the name of the history. */
  readonly keepsNonce?: boolean
  /** A crash loses the changes of prepared transactions, as of an UNLOGGED table. */
  readonly losesChanges?: boolean
  /** Snapshots list no open transactions, as on a standby. */
  readonly isStandby?: boolean
  /** Looks list only transactions that had not begun, and none that were open. */
  readonly looksPastOpen?: boolean
  /** Checks of entries ignore transactions that were open. */
  readonly checksPastOpen?: boolean
  /** All visible changes are folded, and the floor stays. */
  readonly foldsAll?: boolean
  /** Looks do not report the floor. */
  readonly hidesFloor?: boolean
  /** Folded changes are compared as if all of them were known, not the last one alone. */
  readonly trustsFolded?: boolean
  /** Looks do not report that a change of the schema was folded. */
  readonly forgetsSchema?: boolean
}

export interface Folding {
  /** All older changes are folded. */
  readonly floor: number
  /** The floor of the next call. */
  readonly nextFloor: number
  /** The last change of each `rel:slot`. */
  readonly folded: ReadonlyMap<string, number>
}

/** The tables of the clock, as one statement reads them. */
export interface ClockTables {
  readonly flaws: Flaws
  readonly now: ModelSnapshot
  readonly nonce: string | undefined
  readonly changes: readonly Change[]
  readonly folding: Folding | undefined
}

export type LookRow = [nonce: string, now: string, floor: string, moved: string | null]

/** A look: the changes that are visible now and were not visible before. @param limit of changes in a list */
export function look (tables: ClockTables, since: ModelSnapshot, limit: number): LookRow[] {
  const { flaws, now, nonce, changes, folding } = tables
  if (nonce === undefined || folding === undefined) return []
  const text = writeSnapshot(now)
  const floor = flaws.hidesFloor ? '0' : String(folding.floor)
  if (text === writeSnapshot(since)) return [[nonce, text, floor, null]]
  const moved = changes.filter(({ xid }) => xid >= since.xmax || (!flaws.looksPastOpen && since.xip.includes(xid)))
  const list = moved.length > limit
    ? [...new Set(moved.map(({ rel }) => `:${rel}:${ALL}`))]
    : moved.map(({ xid, rel, slot }) => `${xid}:${rel}:${slot}`)
  const schemaFoldedAt = folding.folded.get(`0:${ALL}`) ?? -1
  if (!flaws.forgetsSchema && folding.floor > since.xmin && schemaFoldedAt >= since.xmin) list.push(`:0:${ALL}`)
  return [[nonce, text, floor, list.length === 0 ? null : list.join(' ')]]
}

/** An entry to check: the snapshot of its stamp, and its tags. */
export interface Question {
  readonly stamp: ModelSnapshot
  /** slot null: any row of the relation. */
  readonly tags: ReadonlyArray<{ readonly rel: number, readonly slot: number | null }>
}

/** larder.stale(): whether any of the tags, or the schema, has changed since the stamp. */
export function isStale ({ flaws, changes, folding }: ClockTables, { stamp, tags }: Question): boolean {
  const seen = flaws.checksPastOpen ? { ...stamp, xip: [] } : stamp
  const isNew = (xid: number) => xid >= stamp.xmin && !isVisible(xid, seen)
  const folded = (rel: number, slot: number) => {
    const xid = folding?.folded.get(`${rel}:${slot}`) ?? -1
    return flaws.trustsFolded ? !isVisible(xid, stamp) : xid >= stamp.xmin
  }
  return [...tags, { rel: 0, slot: ALL }].some(({ rel, slot }) =>
    changes.some((change) => change.rel === rel && (slot === null || change.slot === slot || change.slot === ALL) &&
      isNew(change.xid)) ||
    folded(rel, slot ?? ANY) || folded(rel, ALL))
}

/** The first half of larder.fold(): what it deletes and writes. Nobody sees that before it commits. */
export function fold ({ flaws, now, changes, folding }: ClockTables): { gone: ReadonlySet<Change>, folding: Folding } {
  const { floor, nextFloor } = folding!
  const gone = changes.filter(({ xid }) => flaws.foldsAll || xid < nextFloor)
  const folded = new Map(folding!.folded)
  for (const { xid, rel, slot } of gone) {
    for (const key of [`${rel}:${slot}`, `${rel}:${ANY}`]) folded.set(key, Math.max(folded.get(key) ?? -1, xid))
  }
  return {
    gone: new Set(gone),
    folding: { floor: flaws.foldsAll ? floor : nextFloor, nextFloor: now.xmin, folded }
  }
}
