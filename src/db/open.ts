import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { isReadOnlyError } from '../clock/sqlite/sqlite-errors.ts'
import { DatabaseBusyError, DatabaseOpenError } from '../errors.ts'
import { createDatabase, type Database } from './database.ts'
import { type DatabaseLimits, resolveLimits } from './limits.ts'
import { RETRY_MS, tryLock } from '../clock/sqlite/locking.ts'
import { migrate } from './migrate.ts'

/**
 * Opens a SQLite file, creates it if it does not exist, and applies missing migrations.
 *
 * @param url `file:path`, or `file::memory:` for a private database that is deleted by `close`. It is a file in a
 *   temporary folder, since a reader and a writer have to share it.
 */
export function openDatabase (url: string, limits: DatabaseLimits = {}): Database {
  const { lockWaitMs } = resolveLimits(limits)
  let temporary: string | undefined
  const connections: Sqlite.Database[] = []
  const close = () => {
    for (const connection of connections) closeUnlessBusy(connection)
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }

  try {
    if (url === 'file::memory:') temporary = mkdtempSync(join(tmpdir(), 'larder-'))
    const path = temporary === undefined ? parsePath(url) : join(temporary, 'larder.db')
    createFolder(dirname(path))
    // Inside SQLite, only starts and checkpoints wait for a lock of another program.
    const writer = new Sqlite(path, { timeout: lockWaitMs })
    connections.push(writer)
    enableWal(writer, lockWaitMs)
    writer.pragma('synchronous = NORMAL')
    writer.pragma('foreign_keys = ON')
    writer.pragma('recursive_triggers = ON')
    migrate(writer)

    const connect = () => {
      const reader = new Sqlite(path, { timeout: lockWaitMs })
      connections.push(reader)
      reader.pragma('query_only = ON')
      return reader
    }
    return createDatabase({ path, writer, connect, close }, limits)
  } catch (error) {
    close()
    const { message } = error as Error
    throw new DatabaseOpenError(url, isReadOnlyError(error)
      ? `${message}. Make the file and its folder writable.`
      : message)
  }
}

/** A statement of a caller that is not finished keeps its connection open, until the process ends. */
function closeUnlessBusy (connection: Sqlite.Database): void {
  try {
    connection.close()
  } catch {}
}

function parsePath (url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length))
}

/** Enables WAL. If two processes do so at once, SQLite reports a lock to one of them without waiting. */
function enableWal (writer: Sqlite.Database, waitMs: number): void {
  const deadline = performance.now() + waitMs
  while (!tryLock(() => writer.pragma('journal_mode = WAL'))) {
    if (performance.now() >= deadline) throw new DatabaseBusyError()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
  }
}

/** Creates folders one by one. `mkdir` with `recursive` never returns if the file system refuses, as /proc does. */
function createFolder (path: string): void {
  if (existsSync(path)) return
  createFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process may have created it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
