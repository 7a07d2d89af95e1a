import { randomUUID } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type Sqlite from 'better-sqlite3'
import type { Stamp } from '../../cache/index.ts'
import { Catalog, type Counter } from './catalog.ts'
import { SLOTS } from './triggers.ts'

/** The places of the clock that are no tables. Under the second are tags that are neither a table nor a row. */
const EPOCH = ':epoch'
const TAGS = ':tags'

/** The clock at a moment. */
interface Snapshot {
  /** Schema, epoch, and how often each table changed: a version vector. */
  readonly stamp: Stamp
  readonly vector: readonly number[]
  /** Of each name: where it stands in the vector, and its number in the database. */
  readonly places: ReadonlyMap<string, { position: number, id: number }>
}

/** What was found of some tags at a moment. */
interface CachedCheck { look: number, stamp: Stamp, changed: string | undefined }

/** The clock of a database, as one connection sees it. */
export class Clock {
  readonly #dataVersion: Sqlite.Statement<[], number>
  readonly #schemaVersion: Sqlite.Statement<[], number>
  readonly #ticks: Sqlite.Statement<[], [number, string, number]>
  readonly #ticksOf: Sqlite.Statement<[number], number>
  readonly #moved: Sqlite.Statement<[string, number], number>
  readonly #connection: Sqlite.Database
  readonly #alone: boolean
  readonly #verdicts = new WeakMap<readonly string[], CachedCheck>()
  #seen: number | undefined
  #schema: number | undefined
  #catalog!: Catalog
  #moment!: Snapshot
  #inBatch = false
  /** Whether the clock was read within the batch. */
  #readInBatch = false
  /** How often the clock was read. */
  #looks = 0

  /** @param alone whether nothing is written through this connection, so that SQLite tells of every change */
  constructor (connection: Sqlite.Database, alone: boolean) {
    this.#connection = connection
    this.#alone = alone
    this.#dataVersion = connection.prepare<[], number>('PRAGMA data_version').pluck()
    this.#schemaVersion = connection.prepare<[], number>('PRAGMA schema_version').pluck()
    this.#ticks = connection.prepare<[], [number, string, number]>('SELECT id, name, ticks FROM larder_clock ORDER BY id').raw()
    this.#ticksOf = connection.prepare<[number], number>('SELECT ticks FROM larder_slots WHERE id = ?').pluck()
    this.#moved = connection.prepare<[string, number], number>(
      'SELECT id FROM larder_slots WHERE id IN (SELECT value FROM json_each(?)) AND ticks > ?').pluck()
  }

  get catalog (): Catalog {
    this.#look()
    return this.#catalog
  }

  findCounter (tag: string): Counter {
    return findCounter(tag, this.catalog)
  }

  /** How often the table of a tag had changed when the tag last moved: for a row, or a name of its own, 0 where its slot never did. */
  versionOf (tag: string): string {
    const { vector, places } = this.#look()
    const { name, slot } = findCounter(tag, this.#catalog)
    const place = places.get(name)
    if (place === undefined) return 'unknown'
    return String(slot === undefined ? vector[place.position] : this.#ticksOf.get(place.id * SLOTS + slot) ?? 0)
  }

  get stamp (): Stamp {
    return this.#look().stamp
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
    // Reuse only a positive result. A negative one may come from a newer state and has to be checked again.
    if (this.#inBatch && this.#readInBatch && this.#changedAtSnapshot(stamp, tags) === undefined) return undefined
    this.#look()
    this.#readInBatch = true
    return this.#changedAtSnapshot(stamp, tags)
  }

  /** The first tag that has changed, as of the last time that the clock was read. */
  #changedAtSnapshot (stamp: Stamp, tags: readonly string[]): string | undefined {
    if (stamp === this.#moment.stamp) return undefined
    const known = this.#verdicts.get(tags)
    if (known?.look === this.#looks && known.stamp === stamp) return known.changed
    const changed = this.#compare(stamp, tags, this.#moment)
    this.#verdicts.set(tags, { look: this.#looks, stamp, changed })
    return changed
  }

  #compare (stamp: Stamp, tags: readonly string[], { vector, places }: Snapshot): string | undefined {
    const then = stamp.split('.').map(Number)
    // The stamp is of another schema, or of another database.
    if (then.length !== vector.length || then[0] !== vector[0] || then[1] !== vector[1]) return tags[0]
    const slots = new Map<number, number[]>()
    for (const tag of tags) {
      const { name, slot } = findCounter(tag, this.#catalog)
      const { position, id } = places.get(name)!
      if (then[position] === vector[position]) continue
      // A stamp that is ahead of the clock is of a history that was undone, e.g. by a restored copy.
      if (slot === undefined || !(then[position]! < vector[position]!)) return tag
      const among = slots.get(position)
      if (among === undefined) slots.set(position, [id * SLOTS + slot])
      else among.push(id * SLOTS + slot)
    }
    for (const [position, ids] of slots) {
      const changed = this.#moved.get(JSON.stringify(ids), then[position]!)
      if (changed !== undefined) return tags.find((tag) => this.#slotId(tag, places) === changed)
    }
    return undefined
  }

  #slotId (tag: string, places: Snapshot['places']): number | undefined {
    const { name, slot } = findCounter(tag, this.#catalog)
    return slot === undefined ? undefined : places.get(name)!.id * SLOTS + slot
  }

  /** The clock of now. Between two commits of others it costs one question. */
  #look (): Snapshot {
    const version = this.#dataVersion.get()!
    if (version === this.#seen && this.#alone) return this.#moment
    this.#looks++
    const schema = this.#schemaVersion.get()!
    const rows = this.#ticks.all()
    // A table that is no longer on the clock is not watched.
    if (schema !== this.#schema || rows.length !== this.#moment.places.size) {
      this.#catalog = new Catalog(this.#connection)
      this.#schema = schema
    }
    const vector = [schema]
    const places = new Map<string, { position: number, id: number }>()
    for (const [id, name, ticks] of rows) {
      places.set(name, { position: vector.length, id })
      vector.push(ticks)
    }
    // Without the two that are no tables, see triggers.ts, nothing can be told until a start puts them back.
    const whole = places.has(EPOCH) && places.has(TAGS)
    this.#seen = whole ? version : undefined
    this.#moment = { stamp: whole ? vector.join('.') : randomUUID(), vector, places }
    return this.#moment
  }
}

/** Where on the clock a tag stands: a table, a row, or any name. */
function findCounter (tag: string, catalog: Catalog): Counter {
  return catalog.findCounter(tag) ?? { name: TAGS, slot: crc32(tag) % SLOTS }
}
