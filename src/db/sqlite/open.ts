import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Sqlite from 'better-sqlite3'
import { RETRY_MS, tryLock } from '../../clock/sqlite/locking.ts'
import { isReadOnlyError } from '../../clock/sqlite/error-codes.ts'
import { DatabaseBusyError, DatabaseOpenError } from '../../errors.ts'
import { type DatabaseLimits, resolveLimits } from '../limits.ts'
import { openConnection } from './connection.ts'
import { migrate } from './migrate.ts'
import { createSqliteDatabase, type SqliteDatabase } from './sqlite-database.ts'

/**
 * Opens a SQLite file, creates it if it does not exist, and applies missing migrations.
 *
 * @param url `file:path`, or `file::memory:` for a private database that is deleted by `close`. It is a file in a
 *   temporary folder, since a reader and a writer have to share it.
 */
export function openSqlite (url: string, limits: DatabaseLimits = {}): SqliteDatabase {
  const { lockWaitMs } = resolveLimits(limits)
  let temporary: string | undefined
  let upkeep: Sqlite.Database | undefined
  const removeTemporary = () => {
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }

  try {
    if (url === 'file::memory:') temporary = mkdtempSync(join(tmpdir(), 'larder-'))
    const path = temporary === undefined ? parsePath(url) : join(temporary, 'larder.db')
    createFolder(dirname(path))
    upkeep = openConnection({ path, role: 'upkeep', timeout: lockWaitMs })
    enableWal(upkeep, lockWaitMs)
    migrate(upkeep)
    // From now on it runs on the event loop, and does not wait.
    upkeep.pragma('busy_timeout = 0')
    return createSqliteDatabase({ path, upkeep, limits, onClose: removeTemporary })
  } catch (error) {
    upkeep?.close()
    removeTemporary()
    const { message } = error as Error
    throw new DatabaseOpenError(url, isReadOnlyError(error)
      ? `${message}. Make the file and its folder writable.`
      : message)
  }
}

function parsePath (url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length))
}

/** Enables WAL. If two processes do so at once, SQLite reports a lock to one of them without waiting. */
function enableWal (upkeep: Sqlite.Database, waitMs: number): void {
  const deadline = performance.now() + waitMs
  while (!tryLock(() => upkeep.pragma('journal_mode = WAL'))) {
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
