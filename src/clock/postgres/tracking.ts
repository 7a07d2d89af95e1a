import { currentReads, type ReadSet, type Versions } from '../../cache/index.ts'
import type { QueryDependencies } from './query-dependencies.ts'

/** Statements that begin a transaction, or belong to one. */
const TRANSACTION =
  /^(?:\s|--.*\n|\/\*.*?\*\/)*(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release)\b/is
/** Statements that change what names mean in a session. */
const SESSION = new RegExp(String.raw`^\s*(?:set|reset|discard)\b.*\b(?:search_path|role|authorization|all)\b|` +
  String.raw`\bset_config\s*\(\s*'(?:search_path|role)`, 'is')

export interface TrackingOptions {
  readonly versions: Versions
  readonly dependencies: QueryDependencies
  /** Returns the stamp of the last look; undefined if the database is not available. */
  readonly getStamp: () => string | undefined
  /** Called once if statements change what names mean in a session. */
  readonly onSessionChange: (sql: string) => void
}

/** Records what each statement reads. */
export class Tracking {
  readonly #options: TrackingOptions
  #sessionsDiffer = false

  constructor (options: TrackingOptions) {
    this.#options = options
  }

  /** Adds what a statement reads to the current read set, if any. Call it before the statement is sent. */
  readonly logQuery = (sql: string, parameters: readonly unknown[]): void => {
    if (SESSION.test(sql)) this.#noteSessionChange(sql)
    const reads = currentReads()
    if (reads === undefined) return
    // It may be rolled back.
    if (TRANSACTION.test(sql)) return reads.doNotStore('uncommitted-read')
    if (this.#sessionsDiffer) return reads.doNotStore('unwatched-read')
    const { versions, dependencies, getStamp } = this.#options
    const stamp = reads.begin(versions, getStamp)
    // A stamp that is still on its way would be later than what is read now.
    if (typeof stamp !== 'string') return reads.doNotStore('clock-unavailable')
    const tags = dependencies.resolve(sql, parameters)
    if (!(tags instanceof Promise)) return addTags(reads, versions, tags)
    reads.addLater(tags.then(
      (tags) => addTags(reads, versions, tags),
      () => reads.doNotStore('clock-unavailable')
    ))
  }

  #noteSessionChange (sql: string): void {
    if (this.#sessionsDiffer) return
    this.#sessionsDiffer = true
    this.#options.onSessionChange(sql)
  }
}

function addTags (reads: ReadSet, versions: Versions, tags: string[] | undefined): void {
  if (tags === undefined) reads.doNotStore('unwatched-read')
  else reads.add(versions, tags)
}
