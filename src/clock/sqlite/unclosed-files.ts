import { closeSync, fstatSync, openSync, statSync } from 'node:fs'

/*
 * When a process closes any descriptor of a file, it loses all POSIX locks that it has on the file, also those of the
 * connections of SQLite. Another program could then delete the write-ahead log while this process still writes to it.
 */

/** A descriptor for each database file, by device and inode. */
const databases = new Map<string, number>()

/** Descriptors of indexes of write-ahead logs that nobody reads, and that a connection may still have locked. */
const unusedIndexes = new Set<number>()

/**
 * Opens a database file for reading, once in the life of the process: later calls return the same descriptor.
 *
 * It is never closed, because the application may open the file at any time. So their number is that of the files.
 */
export function openDatabaseFile (path: string): number {
  const opened = databases.get(identify(statSync(path, { bigint: true })))
  if (opened !== undefined) return opened
  const file = openSync(path, 'r')
  databases.set(identify(fstatSync(file, { bigint: true })), file)
  return file
}

/** Opens the index of a write-ahead log for reading. @param path of a database that is open in this process */
export function openIndex (path: string): number {
  const id = identify(statSync(`${path}-shm`, { bigint: true }))
  for (const index of unusedIndexes) {
    if (identify(fstatSync(index, { bigint: true })) !== id) continue
    unusedIndexes.delete(index)
    return index
  }
  return openSync(`${path}-shm`, 'r')
}

/**
 * Closes an index as soon as SQLite has deleted it, as the last connection to the database of all processes does.
 *
 * The next connection creates another index, so no lock is lost. (If another program deletes it, the database is lost
 * anyway.) Call it after the connections are closed, so that it is closed at once if they were the last ones.
 */
export function closeIndex (index: number): void {
  unusedIndexes.add(index)
  for (const unused of unusedIndexes) {
    if (fstatSync(unused).nlink > 0) continue
    closeSync(unused)
    unusedIndexes.delete(unused)
  }
}

/** Identifies a file. As long as it is open, no other one gets its inode. */
function identify ({ dev, ino }: { dev: bigint, ino: bigint }): string {
  return `${dev}:${ino}`
}
