import { createWarn } from '../warn.ts'

const MESSAGES = {
  uncounted: (file: string) => `A commit to ${file} counted no change, so nothing that depends on the database is ` +
    'served from the cache until it is loaded again. docs/invalidation.md says which writes do that.',
  overwritten: (file: string) => `The write-ahead log of ${file} began anew before it was read, so nothing that ` +
    'depends on the database is served from the cache until it is loaded again. If this happens often, change more ' +
    'rows in each transaction.',
  full: (file: string) => `There is no space for ${file}, so changes are refused. Free some space on the disk, or ` +
    'raise max_page_count.'
}

export type Warning = keyof typeof MESSAGES

/**
 * Returns a function that passes warnings on, each kind at most once a minute.
 *
 * @param path of the database file
 */
export function createFileWarn (path: string, onWarning?: (message: string) => void): (kind: Warning) => void {
  const warn = createWarn<Warning>(onWarning)
  return (kind) => warn(kind, MESSAGES[kind](`the database file ${path} (DATABASE_URL)`))
}
