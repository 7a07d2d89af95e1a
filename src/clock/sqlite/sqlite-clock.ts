import { setTimeout as sleep } from 'node:timers/promises'
import createError from '@fastify/error'
import type Sqlite from 'better-sqlite3'
import { checkDuration, checkNames, currentReads, type Duration, type Versions } from '../../cache/index.ts'
import { Clock } from './clock.ts'
import { createFacade, watchStatements } from './facade.ts'
import { History } from './history.ts'
import { installClock, removeClock } from './install.ts'
import { RETRY_MS, tryLock } from './locking.ts'
import { trackReads } from './tracking.ts'
import { databaseVersions, TagCounters } from './versions.ts'
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
  /** Tracks all statements on a connection, also those that do not pass through Drizzle; returns the connection. */
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
  const Driver = connection.constructor as typeof Sqlite
  const writer = new Driver(path, { timeout })
  installClock(writer)
  writer.pragma('busy_timeout = 0')
  const reader = new Driver(path, { timeout })
  reader.pragma('query_only = ON')
  const history = new History(writer)
  const isWal = reader.pragma('journal_mode', { simple: true }) === 'wal'
  const log = isWal ? new WriteAheadLog(reader) : undefined
  const committed = new Clock(reader, true, history, log)
  const own = createFacade(connection)
  const uncommitted = new Clock(own, false, history)
  const writerCounters = new TagCounters(writer, new Clock(writer, false, history))
  const ownCounters = new TagCounters(own, uncommitted)
  const inTransaction = () => connection.inTransaction
  const versions = databaseVersions({ committed, uncommitted, inTransaction, invalidate })
  const tracked = trackReads({
    connection: own, clock: uncommitted, isOutdated: () => uncommitted.isBehind(committed), versions
  })
  const following = setInterval(follow, FOLLOW_MS).unref()
  let schemaVersion: unknown
  let isClosed = false

  async function invalidate (tags: readonly string[]): Promise<void> {
    // It becomes a part of what the application commits, or rolls back.
    if (connection.inTransaction) return ownCounters.count(tags)
    const deadline = performance.now() + timeout
    const count = writer.transaction(() => writerCounters.count(tags))
    while (!tryLock(() => count.immediate())) {
      if (performance.now() >= deadline) throw new LockedError(path, timeout / 1000)
      await sleep(RETRY_MS)
    }
  }

  function repair (): void {
    installClock(writer)
    // After a trigger has failed, SQLite reads the new schema only for another statement.
    own.prepare('SELECT 1 FROM sqlite_schema').get()
  }

  /** Errors are for the callers that read next. The next attempt may succeed. */
  function follow (): void {
    try {
      const version = reader.pragma('schema_version', { simple: true })
      if (version !== schemaVersion) repair()
      schemaVersion = version
      committed.refresh()
    } catch {}
  }

  function logQuery (query: string, parameters: unknown[]): void {
    const reads = currentReads()
    if (reads === undefined) return
    // It may be rolled back.
    if (connection.inTransaction) reads.doNotStore('uncommitted-read')
    tracked.logQuery(query, parameters)
  }

  function close (): void {
    if (isClosed) return
    isClosed = true
    clearInterval(following)
    reader.close()
    writer.close()
    log?.close()
  }

  return {
    versions,
    logger: { logQuery },
    watch (connection) {
      watchStatements(connection, logQuery)
      return connection
    },
    refresh () {
      repair()
      committed.refresh()
    },
    remove () {
      removeClock(writer)
      close()
    },
    close
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
  return connection.name
}
