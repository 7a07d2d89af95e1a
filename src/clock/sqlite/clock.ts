import { randomUUID } from 'node:crypto'
import zlib from 'node:zlib'
import type Sqlite from 'better-sqlite3'
import type { Stamp } from '../../cache/index.ts'
import { Catalog, type Counter } from './catalog.ts'
import { guardName } from './guards.ts'
import type { History } from './history.ts'
import type { WriteAheadLog } from './write-ahead-log.ts'
import { SLOTS } from './slots.ts'

/**
 * The counters that belong to no table: a number that differs in each database, the nonce of the era, and a counter
 * whose slots are for tags that are neither a table nor a row.
 */
const EPOCH = ':epoch'
const ERA = ':era'
const TAGS = ':tags'

/** The state of all counters. */
interface Snapshot {
  /** The version vector as text. */
  readonly stamp: Stamp
  /** Whether no counter is missing and nothing prevents counting. Otherwise no stamp is valid. */
  readonly complete: boolean
  /** A version vector: the version of the schema, the epoch, and the number of changes of each table. */
  readonly vector: readonly number[]
  /** The position of each counter in the vector, and its id in the database. */
  readonly counters: ReadonlyMap<string, { position: number, id: number }>
}

/** The result of a check of an array of tags, valid for one snapshot. */
interface CachedCheck { snapshot: number, stamp: Stamp, changed: string | undefined }

/** The logical clock of a database, as one connection sees it. */
export class Clock {
  readonly #dataVersion: Sqlite.Statement<[], number>
  readonly #schemaVersion: Sqlite.Statement<[], number>
  readonly #allTicks: Sqlite.Statement<[], [number, string, number]>
  readonly #slotTicks: Sqlite.Statement<[number], number>
  readonly #changedSlot: Sqlite.Statement<[string, number], number>
  readonly #eraEnd: Sqlite.Statement<[number], string>
  readonly #connection: Sqlite.Database
  readonly #readOnly: boolean
  readonly #history: History | undefined
  readonly #log: WriteAheadLog | undefined
  readonly #checks = new WeakMap<readonly string[], CachedCheck>()
  #lastDataVersion: number | undefined
  #lastSchemaVersion: number | undefined
  #lastUnstoredEra: number | undefined
  #catalog!: Catalog
  #snapshot!: Snapshot
  /** Counts the snapshots. */
  #snapshotNumber = 0
  #inBatch = false
  /** Whether the clock was read within the batch. */
  #readInBatch = false

  /**
   * @param readOnly nothing is written through this connection, so `PRAGMA data_version` reports every change
   * @param history of the file, as this process takes part in it; undefined if it only watches
   * @param log for the one clock of a process that looks for changes that were not counted
   */
  constructor (connection: Sqlite.Database, readOnly: boolean, history?: History, log?: WriteAheadLog) {
    this.#connection = connection
    this.#readOnly = readOnly
    this.#history = history
    this.#log = log
    this.#dataVersion = connection.prepare<[], number>('PRAGMA data_version').pluck()
    this.#schemaVersion = connection.prepare<[], number>('PRAGMA schema_version').pluck()
    this.#allTicks = connection.prepare<[], [number, string, number]>(
      'SELECT id, name, ticks FROM larder_clock ORDER BY id').raw()
    this.#slotTicks = connection.prepare<[number], number>('SELECT ticks FROM larder_slots WHERE id = ?').pluck()
    this.#changedSlot = connection.prepare<[string, number], number>(
      'SELECT id FROM larder_slots WHERE id IN (SELECT value FROM json_each(?)) AND ticks > ?').pluck()
    this.#eraEnd = connection.prepare<[number], string>('SELECT counters FROM larder_eras WHERE nonce = ?').pluck()
  }

  get catalog (): Catalog {
    this.refresh()
    return this.#catalog
  }

  get stamp (): Stamp {
    return this.refresh().stamp
  }

  /**
   * Whether this connection reads an older state than another one, because a statement that is not finished, or an open
   * transaction, holds its snapshot.
   */
  isBehind (other: Clock): boolean {
    for (let attempts = 0; attempts < 10; attempts++) {
      const { stamp, complete } = other.refresh()
      if (this.stamp === stamp || !complete) return false
      if (other.stamp === stamp) return true
    }
    /* c8 ignore next 2 - only if another program commits between all of these reads */
    return true
  }

  findCounter (tag: string): Counter {
    return findCounter(tag, this.catalog)
  }

  /**
   * Returns the number of changes of the table when the tag last changed; for slots that never changed, 0. Changes that
   * only the guard of the table noticed are added.
   */
  versionOf (tag: string): string {
    const { vector, counters } = this.refresh()
    const { name, slot } = findCounter(tag, this.#catalog)
    const counter = counters.get(name)
    if (counter === undefined) return 'unknown'
    const guard = counters.get(guardName(name))
    const ticks = slot === undefined ? vector[counter.position]! : this.#slotTicks.get(counter.id * SLOTS + slot) ?? 0
    return String(ticks + (guard === undefined ? 0 : vector[guard.position]!))
  }

  /** See `Versions.batch`. A batch within another one ends both: from then on each check reads the clock. */
  batch<T> (work: () => T): T {
    this.#inBatch = true
    this.#readInBatch = false
    try {
      return work()
    } finally {
      this.#inBatch = false
    }
  }

  /** See `Versions.firstChanged`. */
  firstChanged (stamp: Stamp, tags: readonly string[]): string | undefined {
    // Reuse only the result "unchanged". The other may come from a newer state and has to be checked again.
    if (this.#inBatch && this.#readInBatch && this.#checkSnapshot(stamp, tags) === undefined) return undefined
    this.refresh()
    this.#readInBatch = true
    return this.#checkSnapshot(stamp, tags)
  }

  #checkSnapshot (stamp: Stamp, tags: readonly string[]): string | undefined {
    if (stamp === this.#snapshot.stamp) return undefined
    const check = this.#checks.get(tags)
    if (check?.snapshot === this.#snapshotNumber && check.stamp === stamp) return check.changed
    const changed = this.#compare(stamp, tags, this.#snapshot)
    this.#checks.set(tags, { snapshot: this.#snapshotNumber, stamp, changed })
    return changed
  }

  #compare (stamp: Stamp, tags: readonly string[], snapshot: Snapshot): string | undefined {
    const { vector, counters } = snapshot
    const then = stamp.split('.').map(Number)
    // The stamp is of another schema, of another database, or of a history that was undone.
    if (!snapshot.complete || then[0] !== vector[0] || !this.#isPast(then, snapshot)) return tags[0]
    /** The slots to read, by position in the vector. */
    const slots = new Map<number, number[]>()
    for (const tag of tags) {
      const { name, slot } = findCounter(tag, this.#catalog)
      const { position, id } = counters.get(name)!
      const guard = counters.get(guardName(name))
      if (guard !== undefined && then[guard.position] !== vector[guard.position]) return tag
      if (then[position] === vector[position]) continue
      // The counter may have been set back; its slots are not.
      if (slot === undefined || !(then[position]! < vector[position]!)) return tag
      const ids = slots.get(position)
      if (ids === undefined) slots.set(position, [id * SLOTS + slot])
      else ids.push(id * SLOTS + slot)
    }
    for (const [position, ids] of slots) {
      const changed = this.#changedSlot.get(JSON.stringify(ids), then[position]!)
      if (changed !== undefined) return tags.find((tag) => this.#slotId(tag, counters) === changed)
    }
    return undefined
  }

  /** Whether a version vector, of any schema, is from the history that led to a snapshot. */
  #isPast (then: readonly number[], { vector, counters }: Snapshot): boolean {
    if (then.length !== vector.length || then[1] !== vector[1]) return false
    const { position } = counters.get(ERA)!
    if (then[position] === vector[position]) return isUntil(vector, then, position)
    const end = this.#eraEnd.get(then[position]!)
    return end !== undefined && isUntil([vector[0]!, ...JSON.parse(end) as number[]], then, position)
  }

  /** Whether the snapshot is not of a later state than another one. */
  #isUndone (last: Snapshot): boolean {
    const { position } = last.counters.get(ERA)!
    const unstoredEra = this.#history?.unstoredEra
    // An era that this process has begun, and not stored yet, has no known past.
    const isBegun = unstoredEra !== undefined && last.vector[position] !== unstoredEra
    return !isBegun && !this.#isPast(last.vector, this.#snapshot)
  }

  #slotId (tag: string, counters: Snapshot['counters']): number | undefined {
    const { name, slot } = findCounter(tag, this.#catalog)
    return slot === undefined ? undefined : counters.get(name)!.id * SLOTS + slot
  }

  /** Reads the clock. As long as no other connection commits, it costs one pragma. */
  refresh (): Snapshot {
    const history = this.#history
    if (history?.isWaiting) history.storeEra()
    const dataVersion = this.#dataVersion.get()!
    const isUnchanged = dataVersion === this.#lastDataVersion && history?.unstoredEra === this.#lastUnstoredEra
    if (isUnchanged && this.#readOnly && !this.#log?.isBehind) return this.#snapshot
    const last = this.#snapshot
    const isUncounted = this.#log?.hasUncounted()
    this.#snapshot = this.#read()
    const { complete } = this.#snapshot
    if (isUncounted || (this.#readOnly && complete && last?.complete && this.#isUndone(last))) {
      history!.beginEra(isUncounted)
      this.#snapshot = this.#read()
    }
    this.#lastDataVersion = complete ? dataVersion : undefined
    this.#lastUnstoredEra = history?.unstoredEra
    return this.#snapshot
  }

  /** Reads all counters. */
  #read (): Snapshot {
    this.#snapshotNumber++
    const schemaVersion = this.#schemaVersion.get()!
    const rows = this.#allTicks.all()
    // A table without a counter is not watched.
    if (schemaVersion !== this.#lastSchemaVersion || rows.length !== this.#snapshot.counters.size) {
      this.#catalog = new Catalog(this.#connection)
      this.#lastSchemaVersion = schemaVersion
      this.#log?.listPages() // VACUUM may have moved them
    }
    const vector = [schemaVersion]
    const counters = new Map<string, { position: number, id: number }>()
    for (const [id, name, ticks] of rows) {
      counters.set(name, { position: vector.length, id })
      vector.push(name === ERA ? this.#history?.unstoredEra ?? ticks : ticks)
    }
    // If a counter of no table is missing (see triggers.ts), all stamps are invalid until the next start adds it.
    const complete = [EPOCH, ERA, TAGS].every((name) => counters.has(name)) && !this.#catalog.isTampered &&
      this.#log?.isBehind !== true
    return { stamp: complete ? vector.join('.') : randomUUID(), complete, vector, counters }
  }
}

/** Whether a version vector is from no later than another one of the same era. @param era the position of the era */
function isUntil (end: readonly number[], then: readonly number[], era: number): boolean {
  return then.every((ticks, i) => i === 0 || i === era || ticks <= end[i]!)
}

/** Returns the counter of a table, a row, or any other tag. */
function findCounter (tag: string, catalog: Catalog): Counter {
  return catalog.findCounter(tag) ?? { name: TAGS, slot: zlib.crc32(tag) % SLOTS }
}
