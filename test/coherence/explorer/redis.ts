import { serializeEntry, deserializeEntry } from '../../../src/cache/stores/redis/serialization.ts'
import { memoryVersions, type Entry, type Store } from '../../../src/cache/index.ts'

/** Carries a command to Redis, where it takes effect, and the answer back; each way takes as long as the scheduler likes. */
export type Wire = <T>(command: string, effect: () => T) => Promise<T>

/** The Redis that the processes share. It keeps bytes, so nothing is shared by reference. */
export class ModelRedis {
  reachable = true
  #frames = new Map<string, Buffer>()
  #saved = new Map<string, Buffer>()

  /** Remembers what is kept now, as a replica or a file on disk would. */
  save (): void {
    this.#saved = new Map(this.#frames)
  }

  /** Comes back with what it kept, with what was saved once, or with nothing. */
  regain (content: 'all' | 'saved' | 'nothing'): void {
    this.reachable = true
    if (content === 'saved') this.#frames = new Map(this.#saved)
    if (content === 'nothing') this.#frames.clear()
  }

  evict (key: string): void {
    this.#frames.delete(key)
  }

  /** The store of one process. It never forgets what expired, so that nothing depends on it doing so. */
  storeThrough (wire: Wire): Store {
    const read = (key: string): Entry | undefined => {
      const frame = this.#frames.get(key)
      return frame && deserializeEntry(frame)
    }
    const write = (key: string, entry: Entry) => {
      this.#frames.set(key, serializeEntry(entry))
      return true
    }
    return {
      name: 'model',
      versions: memoryVersions(), // never asked: the cache is given the clock of the database
      get: (key) => wire(`get ${key}`, () => read(key)),
      getMany: (keys) => wire(`get ${keys.join(', ')}`, () => keys.map(read)),
      set: (key, entry) => wire(`set ${key}`, () => write(key, entry)),
      touch: (key, freshUntil, staleUntil) => wire(`touch ${key}`, () => {
        const entry = read(key)
        return entry !== undefined && write(key, { ...entry, freshUntil, staleUntil })
      }),
      delete: (keys) => wire(`delete ${keys.join(', ')}`, () => keys.filter((key) => this.#frames.delete(key)).length),
      add: notModelled,
      increment: notModelled,
      clear: notModelled,
      close () {}
    }
  }
}

function notModelled (): never {
  throw new Error('this command is no part of the model')
}
