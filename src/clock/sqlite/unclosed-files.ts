import { closeSync, fstatSync, openSync, statSync } from 'node:fs'

/*
 * When a process closes a file, it loses all POSIX locks that it has on it, also those of the connections of SQLite. So
 * these files are closed only after SQLite has deleted the index of the log, as the last connection to a database does.
 */

/** Descriptors of the files of a database that SQLite locks. */
export interface LockedFiles {
  readonly database: number
  /** The index of the write-ahead log. */
  readonly index: number
}

/** Files that nobody reads, and that a connection of this process may still have locked. */
const unused = new Set<LockedFiles>()

/** Opens the files of a database for reading. @param path of a database that is open in this process */
export function openFiles (path: string): LockedFiles {
  const { dev, ino } = statSync(`${path}-shm`)
  for (const files of unused) {
    const other = fstatSync(files.index)
    if (other.dev !== dev || other.ino !== ino) continue
    unused.delete(files)
    return files
  }
  return { database: openSync(path, 'r'), index: openSync(`${path}-shm`, 'r') }
}

/** Closes files as soon as it is safe. Call it after the connections to the database are closed. */
export function closeFiles (files: LockedFiles): void {
  unused.add(files)
  for (const files of unused) {
    if (fstatSync(files.index).nlink > 0) continue
    closeSync(files.index)
    closeSync(files.database)
    unused.delete(files)
  }
}
