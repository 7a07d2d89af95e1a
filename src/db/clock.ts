import { crc32 } from 'node:zlib'
import type Sqlite from 'better-sqlite3'
import type { Stamp } from '../cache/index.ts'
import { Catalog, type Place } from './catalog.ts'
import { SLOTS } from './triggers.ts'

/** Slots that are remembered until the next commit. */
const MAX_KNOWN_SLOTS = 10_000

/** What tags are counted under that are neither a table nor a row. */
const TAGS = ':tags'

/** The clock at a moment. */
interface Moment {
  /** Schema, epoch, and how often each table changed: a version vector. */
  readonly stamp: Stamp
  readonly vector: readonly number[]
  readonly positions: ReadonlyMap<string, number>
}

/** The clock of a database, as one connection sees it. */
export class Clock {
  readonly #dataVersion: Sqlite.Statement<[], number>
  readonly #schemaVersion: Sqlite.Statement<[], number>
  readonly #ticks: Sqlite.Statement<[], [string, number]>
  readonly #slot: Sqlite.Statement<[string, number], number>
  readonly #connection: Sqlite.Database
  readonly #alone: boolean
  readonly #slots = new Map<string, number>()
  #seen: number | undefined
  #schema: number | undefined
  #catalog!: Catalog
  #moment!: Moment

  /** @param alone whether nothing is written through this connection, so that SQLite tells of every change */
  constructor (connection: Sqlite.Database, alone: boolean) {
    this.#connection = connection
    this.#alone = alone
    this.#dataVersion = connection.prepare<[], number>('PRAGMA data_version').pluck()
    this.#schemaVersion = connection.prepare<[], number>('PRAGMA schema_version').pluck()
    this.#ticks = connection.prepare<[], [string, number]>("SELECT name, ticks FROM larder_clock ORDER BY name <> ':epoch', name").raw()
    this.#slot = connection.prepare<[string, number], number>('SELECT ticks FROM larder_slots WHERE name = ? AND slot = ?').pluck()
  }

  get catalog (): Catalog {
    this.#look()
    return this.#catalog
  }

  placeOf (tag: string): Place {
    return placeOf(tag, this.catalog)
  }

  get stamp (): Stamp {
    return this.#look().stamp
  }

  isCurrent (stamp: Stamp, tags: readonly string[]): boolean {
    const moment = this.#look()
    if (stamp === moment.stamp) return true
    const then = stamp.split('.').map(Number)
    // Of another schema, or of another database.
    if (then.length !== moment.vector.length || then[0] !== moment.vector[0] || then[1] !== moment.vector[1]) return false
    return tags.every((tag) => this.#hasNotMoved(tag, then, moment))
  }

  #hasNotMoved (tag: string, then: readonly number[], { vector, positions }: Moment): boolean {
    const { name, slot } = placeOf(tag, this.#catalog)
    const position = positions.get(name)
    if (position === undefined) return false // somebody took its place on the clock away
    const before = then[position]!
    if (before === vector[position]) return true
    // A stamp that is ahead of the clock is of a history that was undone, e.g. by a restored copy.
    return slot !== undefined && before < vector[position]! && this.#slotMoved(tag, name, slot) <= before
  }

  #slotMoved (tag: string, name: string, slot: number): number {
    let moved = this.#slots.get(tag)
    if (moved === undefined) {
      moved = this.#slot.get(name, slot) ?? 0
      if (this.#slots.size < MAX_KNOWN_SLOTS) this.#slots.set(tag, moved)
    }
    return moved
  }

  /** The clock of now. Between two commits of others it costs one question. */
  #look (): Moment {
    const version = this.#dataVersion.get()!
    if (version === this.#seen && this.#alone) return this.#moment
    const schema = this.#schemaVersion.get()!
    if (schema !== this.#schema) {
      this.#catalog = new Catalog(this.#connection)
      this.#schema = schema
    }
    const vector = [schema]
    const positions = new Map<string, number>()
    for (const [name, ticks] of this.#ticks.all()) {
      positions.set(name, vector.length)
      vector.push(ticks)
    }
    this.#slots.clear()
    this.#seen = version
    this.#moment = { stamp: vector.join('.'), vector, positions }
    return this.#moment
  }
}

/** Where on the clock a tag stands: a table, a row, or any name. */
function placeOf (tag: string, catalog: Catalog): Place {
  return catalog.placeOf(tag) ?? { name: TAGS, slot: crc32(tag) % SLOTS }
}
