import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { DatabaseOpenError } from '../errors.ts'
import { migrate } from './migrate.ts'
import { createDatabase, type Database } from './database.ts'

/** Milliseconds for which a statement waits for a lock of another program. Only starts and checkpoints ever do. */
const LOCK_WAIT_MS = 5_000

/**
 * Opens a SQLite file, creates it where there is none, and brings its schema up to date.
 *
 * @param url `file:path` or `file::memory:`, which is a private database that goes when it is closed: since a reader
 *   and a writer must see the same one, it is a file in a temporary folder.
 */
export function openDatabase (url: string): Database {
  const temporary = url === 'file::memory:' ? mkdtempSync(join(tmpdir(), 'larder-')) : undefined
  const path = temporary === undefined ? pathOf(url) : join(temporary, 'larder.db')
  const connections: Sqlite.Database[] = []
  const close = () => {
    for (const connection of connections) connection.close()
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true })
  }

  try {
    makeFolder(dirname(path))
    const writer = new Sqlite(path, { timeout: LOCK_WAIT_MS })
    connections.push(writer)
    writer.pragma('journal_mode = WAL')
    writer.pragma('synchronous = NORMAL')
    writer.pragma('foreign_keys = ON')
    writer.pragma('recursive_triggers = ON')
    migrate(drizzle({ client: writer }))

    const reader = new Sqlite(path, { timeout: LOCK_WAIT_MS })
    connections.push(reader)
    reader.pragma('query_only = ON')
    return createDatabase({ writer, reader, close })
  } catch (error) {
    close()
    throw new DatabaseOpenError(url, (error as Error).message)
  }
}

function pathOf (url: string): string {
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length))
}

/** Step by step, since Node's own recursive way never returns where the file system refuses, as /proc does. */
function makeFolder (path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}
