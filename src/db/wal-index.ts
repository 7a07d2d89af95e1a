import { readdirSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'

/** Two copies of what every commit changes, see https://www.sqlite.org/walformat.html section 2.1. */
const HEADER_BYTES = 96
const DESCRIPTORS = '/proc/self/fd'

/**
 * Tells whether anybody committed since the question before, by the header of the index of SQLite's write-ahead log,
 * which is how SQLite's own readers tell. It costs one system call in place of three. Undefined where the file is not to
 * be found, which is so wherever there is no Linux.
 *
 * It reads through SQLite's own descriptor: to open another one and close it would drop the locks of this process.
 */
export function watchWalIndex (connection: Sqlite.Database, descriptors: string = DESCRIPTORS): (() => boolean) | undefined {
  connection.pragma('data_version') // SQLite opens the file with the first read
  const descriptor = descriptorOf(`${realpathSync(connection.name)}-shm`, descriptors)
  if (descriptor === undefined) return undefined
  let seen = Buffer.alloc(HEADER_BYTES)
  let read = Buffer.alloc(HEADER_BYTES)
  return () => {
    readSync(descriptor, read, 0, HEADER_BYTES, 0)
    const isSame = read.equals(seen);
    [seen, read] = [read, seen]
    return isSame
  }
}

function descriptorOf (path: string, descriptors: string): number | undefined {
  try {
    return readdirSync(descriptors).map(Number).find((descriptor) => targetOf(`${descriptors}/${descriptor}`) === path)
  } catch {
    return undefined
  }
}

/** Undefined for one that was closed meanwhile, as that of the listing is. */
function targetOf (link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}
