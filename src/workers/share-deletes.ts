import createError from '@fastify/error'
import type { CacheAdapter, EntryFilter } from '../larder/index.ts'
import type { Peers } from './peers.ts'

const NotDeletedError = createError<[number]>('LARDER_NOT_DELETED',
  'The entries were deleted in this process, but %s of the other workers did not answer. Try again.', 503)

const DELETE = 'delete'

/** What is deleted: entries by their keys, or all that match a filter. */
interface Deletion {
  readonly keys?: readonly string[]
  readonly filter?: EntryFilter
}

/**
 * Makes deletions take effect in the caches of all workers, for caches that share no store. They resolve when all
 * workers have deleted, to the number of entries in all of them, and reject if one does not answer.
 *
 * Loads in flight there are not stored either. Tags need no message if the version clock is that of the database.
 *
 * @param cache is changed and returned
 */
export function shareDeletes (cache: CacheAdapter, peers: Peers): CacheAdapter {
  const deleteMany = cache.deleteMany.bind(cache)
  const deleteMatching = cache.deleteMatching.bind(cache)

  const deleteHere = ({ keys, filter }: Deletion) => keys === undefined ? deleteMatching(filter) : deleteMany(keys)

  async function deleteEverywhere (deletion: Deletion): Promise<number> {
    // It begins here at once, and invalidates tags before the others delete.
    const here = await deleteHere(deletion)
    const { results, missing } = await peers.request(DELETE, deletion)
    if (missing > 0) throw new NotDeletedError(missing)
    return (results as number[]).reduce((sum, count) => sum + count, here)
  }

  peers.handle(DELETE, deleteHere)
  return Object.assign(cache, {
    deleteMany: async (keys: readonly string[]) => await deleteEverywhere({ keys }),
    deleteMatching: async (filter: EntryFilter = {}) => await deleteEverywhere({ filter })
  })
}
