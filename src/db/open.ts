import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { DatabaseBusyError, DatabaseOpenError } from '../errors.ts'
import { RETRY_MS, tryLock } from './locking.ts'
import { createDatabase, type Database, type DatabaseLimits, LOCK_WAIT_MS } from './database.ts'
import { migrate } from './migrate.ts'

/**
 * Opens a SQLite file, creates it where there is none, and brings its schema up to date.
 *
 * @param url `file:path` or `file::memory:`, which is a private database that goes when it is closed: since a reader
 *   and a writer must see the same one, it is a file in a temporary folder.
 */
export function openDatabase (url: string, limits: DatabaseLimits = {}): Database {
  const { lockWaitMs = LOCK_WAIT_MS } = limits
  let temporary: string | undefined
  const connections: Sqlite.Database[] = []
  const close = () => {
    for (const connection of connections) connection.close()
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }

  try {
    if (url === 'file::memory:') temporary = mkdtempSync(join(tmpdir(), 'larder-'))
    const path = temporary === undefined ? pathOf(url) : join(temporary, 'larder.db')
    makeFolder(dirname(path))
    // Only starts and checkpoints ever wait in SQLite for a lock of another program.
    const writer = new Sqlite(path, { timeout: lockWaitMs })
    connections.push(writer)
    turnToWal(writer, lockWaitMs)
    writer.pragma('synchronous = NORMAL')
    writer.pragma('foreign_keys = ON')
    writer.pragma('recursive_triggers = ON')
    migrate(writer)

    const reader = new Sqlite(path, { timeout: lockWaitMs })
    connections.push(reader)
    reader.pragma('query_only = ON')
    return createDatabase({ writer, reader, close }, limits)
  } catch (error) {
    close()
    throw new DatabaseOpenError(url, (error as Error).message)
  }
}

function pathOf (url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length))
}

/** Where two processes turn a new file to WAL at once, SQLite tells one that it is locked, and does not wait. */
function turnToWal (writer: Sqlite.Database, waitMs: number): void {
  const deadline = performance.now() + waitMs
  while (!tryLock(() => writer.pragma('journal_mode = WAL'))) {
    if (performance.now() >= deadline) throw new DatabaseBusyError()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
  }
}

/** Step by step, since Node's own recursive way never returns where the file system refuses, as /proc does. */
function makeFolder (path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // A process that starts at the same time may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
