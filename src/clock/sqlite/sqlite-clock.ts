import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import createError from '@fastify/error'
import type Sqlite from 'better-sqlite3'
import { checkDuration, checkNames, currentReads, type Duration, type Versions } from '../../cache/index.ts'
import { makeExpirable } from '../expirable.ts'
import { Clock } from './clock.ts'
import { createFacade, readOwnNames, unwatchStatements, watchStatements } from './facade.ts'
import { History } from './history.ts'
import { installClock, removeClock } from './install.ts'
import { RETRY_MS, tryLock } from './locking.ts'
import { isBusyError } from './error-codes.ts'
import { trackReads } from './tracking.ts'
import { databaseVersions, prepareCounts } from './versions.ts'
import { WriteAheadLog } from './write-ahead-log.ts'

const ConnectionError = createError<[string]>('FST_ERR_LARDER_CONNECTION', '%s', 500, TypeError)
const LockedError = createError<[string, number]>(
  'FST_ERR_LARDER_LOCKED', 'The database file %s stayed locked for %s s, so its version clock cannot be changed.', 503)

/** Milliseconds between two looks at the file without hits: for changes that were not counted, and of the schema. */
const FOLLOW_MS = 100

export interface SqliteClockOptions {
  /** How long the clock waits while another program has locked the file. Default 5 seconds. */
  lockWait?: Duration
}

const OPTIONS = new Set<keyof SqliteClockOptions>(['lockWait'])

/** A version clock in a database of an application. */
export interface SqliteClock {
  /** For the option `clock` of the plugin, or `versions` of `createCache`. */
  readonly versions: Versions
  /** For Drizzle's option `logger`: what each statement reads becomes tags of what is being cached. */
  readonly logger: { logQuery (query: string, parameters: unknown[]): void }
  /** Tracks all statements that run from now on, also without Drizzle. Takes and returns the connection. */
  watch<T extends Sqlite.Database> (connection: T): T
  /** Creates tables and triggers that are missing, e.g. after a migration. Otherwise they follow within a moment. */
  refresh (): void
  /** Removes all tables and triggers of the clock, and closes it. */
  remove (): void
  /** Closes the connections of the clock. That of the application stays open. */
  close (): void
}

/**
 * Creates a version clock in the database of an application, which counts the changes that any program makes.
 *
 * It creates tables and triggers of its own, and opens two connections to the file. Call it after the migrations of the
 * application. Settings of the connection stay as they are.
 *
 * @param connection of better-sqlite3, to a file
 */
export function sqliteClock (connection: Sqlite.Database, options: SqliteClockOptions = {}): SqliteClock {
  const path = checkConnection(connection)
  checkNames('sqliteClock()', options, OPTIONS)
  const timeout = checkDuration('lockWait', options.lockWait ?? 5) * 1000
  const { writer, reader } = openConnections(connection, path, timeout)
  const inTransaction = () => connection.inTransaction
  // A commit inside a transaction of the application could make its next write fail.
  const history = new History(writer, () => !inTransaction())
  const isWal = reader.pragma('journal_mode', { simple: true }) === 'wal'
  const log = isWal ? new WriteAheadLog(reader) : undefined
  const committed = new Clock(reader, true, history, log)
  const own = createFacade(connection)
  const uncommitted = new Clock(own, false, history)
  const countOnWriter = prepareCounts(writer, new Clock(writer, false, history))
  const countOnOwn = prepareCounts(own, uncommitted)
  /** Tags that were invalidated inside a transaction. If it was rolled back, they have to be counted again. */
  const unsure = new Set<string>()
  const changedInTransaction = uncommitted.firstChanged.bind(uncommitted)
  const strict = databaseVersions({ committed, changedInTransaction, inTransaction, invalidate })
  const isNamed = (tag: string) => committed.catalog.findCounter(tag) === undefined
  const versions = makeExpirable(tolerateErrors(strict, recount), isNamed)
  const tracked = trackReads({
    connection: own,
    clock: uncommitted,
    isOutdated: () => uncommitted.isBehind(committed),
    versions,
    readNames: readOwnNames(own)
  })
  const following = setInterval(follow, FOLLOW_MS).unref()
  let schemaVersion: unknown
  let isClosed = false

  async function invalidate (tags: readonly string[]): Promise<void> {
    // It becomes a part of what the application commits. The transaction may be that of another request.
    if (connection.inTransaction) {
      countOnOwn(tags)
      for (const tag of tags) unsure.add(tag)
      return
    }
    const deadline = performance.now() + timeout
    while (!tryLock(() => countNow(tags))) {
      if (performance.now() >= deadline) throw new LockedError(path, timeout / 1000)
      await sleep(RETRY_MS)
    }
  }

  function countNow (tags: readonly string[]): void {
    writer.transaction(() => countOnWriter(tags)).immediate()
  }

  function recount (): void {
    if (unsure.size === 0 || connection.inTransaction) return
    countNow([...unsure])
    unsure.clear()
  }

  function repair (): void {
    installClock(writer)
    // After a trigger has failed, SQLite reads the new schema only for another statement.
    own.prepare('SELECT 1 FROM sqlite_schema').get()
  }

  /** Ignores errors: the next caller that reads the clock gets them too, and the next attempt may succeed. */
  function follow (): void {
    if (connection.inTransaction) return
    try {
      recount()
      const version = reader.pragma('schema_version', { simple: true })
      if (version !== schemaVersion) repair()
      schemaVersion = version
      committed.refresh()
    } catch {}
  }

  /** Runs `work`, which waits for a lock inside SQLite: these calls are rare, and not for requests. */
  function waitForLock (work: () => void): void {
    writer.pragma(`busy_timeout = ${timeout}`)
    try {
      work()
    } catch (error) {
      throw isBusyError(error) ? new LockedError(path, timeout / 1000) : error
    } finally {
      writer.pragma('busy_timeout = 0')
    }
  }

  function logQuery (query: string, parameters: unknown[]): void {
    const reads = currentReads()
    if (reads === undefined) return
    // It may be rolled back.
    if (connection.inTransaction) reads.doNotStore('uncommitted-read')
    try {
      tracked.logQuery(query, parameters)
    } catch {
      reads.doNotStore('clock-unavailable')
    }
  }

  function close (): void {
    if (isClosed) return
    isClosed = true
    clearInterval(following)
    unwatchStatements(connection, logQuery)
    reader.close()
    writer.close()
    log?.close()
  }

  return {
    versions,
    logger: { logQuery },
    watch (watched) {
      if (watched as unknown !== connection) throw new ConnectionError('watch() takes the connection of the clock.')
      watchStatements(connection, logQuery)
      return watched
    },
    refresh () {
      waitForLock(repair)
      committed.refresh()
    },
    remove () {
      waitForLock(() => removeClock(writer))
      close()
    },
    close
  }
}

/** Opens the connections of the clock, and creates its tables and triggers. */
function openConnections (
  connection: Sqlite.Database, path: string, timeout: number
): { writer: Sqlite.Database, reader: Sqlite.Database } {
  const Driver = connection.constructor as typeof Sqlite
  const writer = new Driver(path, { timeout, fileMustExist: true })
  try {
    installClock(writer)
    writer.pragma('busy_timeout = 0')
    const reader = new Driver(path, { timeout: 0, fileMustExist: true })
    reader.pragma('query_only = ON')
    return { writer, reader }
  } catch (error) {
    writer.close()
    throw isBusyError(error) ? new LockedError(path, timeout / 1000) : error
  }
}

/**
 * Makes a clock that cannot be read a clock on which everything has changed: then nothing is served from the cache or
 * stored, and no request fails.
 *
 * @param before called before each check
 */
function tolerateErrors (versions: Versions, before: () => void): Versions {
  const attempt = <T>(read: () => T, otherwise: () => T): T => {
    try {
      before()
      return read()
    } catch {
      return otherwise()
    }
  }
  return {
    ...versions,
    stamp: (tags) => attempt(() => versions.stamp(tags), () => `unavailable-${randomUUID()}`),
    firstChanged: (stamp, tags) => attempt(() => versions.firstChanged(stamp, tags), () => tags[0]),
    compact: (tags) => attempt(() => versions.compact!(tags), () => tags)
  }
}

/** Returns the path of the file of a connection. Throws if a clock cannot use it. */
function checkConnection (connection: Sqlite.Database): string {
  if (typeof connection?.prepare !== 'function' || typeof connection.name !== 'string') {
    throw new ConnectionError('sqliteClock() takes a connection of better-sqlite3.')
  }
  if (connection.memory || connection.name === '') {
    throw new ConnectionError('sqliteClock() cannot use a database in memory, since it opens connections of its own. ' +
      'Use a file, in a temporary folder if need be.')
  }
  // Not its name, which may be relative to another working directory.
  return connection.prepare("SELECT file FROM pragma_database_list WHERE name = 'main'").pluck().get() as string
}
