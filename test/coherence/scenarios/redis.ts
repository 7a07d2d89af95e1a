import { serializeEntry, deserializeEntry } from '../../../src/cache/stores/redis/serialization.ts'
import { memoryVersions, type Entry, type Store } from '../../../src/cache/index.ts'

/** Carries a command to Redis and its reply back. The scheduler decides how long each way takes. */
export type Wire = <T>(command: string, effect: () => T) => Promise<T>

/** The Redis that the processes share. It stores bytes, so that processes share no object. */
export class ModelRedis {
  reachable = true
  #stored = new Map<string, Buffer>()
  #saved = new Map<string, Buffer>()

  /** Saves the present content, as a replica or a dump does. */
  save (): void {
    this.#saved = new Map(this.#stored)
  }

  /** Becomes reachable again with all its content, with the saved content, or empty. */
  regain (content: 'all' | 'saved' | 'nothing'): void {
    this.reachable = true
    if (content === 'saved') this.#stored = new Map(this.#saved)
    if (content === 'nothing') this.#stored.clear()
  }

  evict (key: string): void {
    this.#stored.delete(key)
  }

  /** The store of one process. It never deletes expired entries, so that no result depends on their deletion. */
  storeThrough (wire: Wire): Store {
    const read = (key: string): Entry | undefined => {
      const bytes = this.#stored.get(key)
      return bytes && deserializeEntry(bytes)
    }
    const write = (key: string, entry: Entry) => {
      this.#stored.set(key, serializeEntry(entry))
      return true
    }
    return {
      name: 'model',
      versions: memoryVersions(), // unused: the cache gets the version clock of the database
      get: (key) => wire(`get ${key}`, () => read(key)),
      getMany: (keys) => wire(`get ${keys.join(', ')}`, () => keys.map(read)),
      set: (key, entry) => wire(`set ${key}`, () => write(key, entry)),
      touch: (key, freshUntil, staleUntil) => wire(`touch ${key}`, () => {
        const entry = read(key)
        return entry !== undefined && write(key, { ...entry, freshUntil, staleUntil })
      }),
      delete: (keys) => wire(`delete ${keys.join(', ')}`, () => keys.filter((key) => this.#stored.delete(key)).length),
      add: notInModel,
      increment: notInModel,
      clear: notInModel,
      close () {}
    }
  }
}

function notInModel (): never {
  throw new Error('The model has no such command.')
}
