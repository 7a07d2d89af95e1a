import { inspect } from 'node:util'
import type { Miss } from '../entry/lookup.ts'
import { ArgumentError } from '../errors.ts'
import type { LoadOptions } from '../options.ts'
import type { LoadManyFunction } from '../types.ts'
import { collectReads, ReadSet } from '../versions/read-set.ts'
import type { Loader } from './loader.ts'
import { createContext, type Produce, type ProduceContext, type Produced } from './produce.ts'
import type { LoadResult } from './result.ts'
import { GIVEN_UP } from './run.ts'

/**
 * Loads several keys. The loader function runs once, for all keys that no other caller is loading; the results of the
 * others are waited for. Keys whose other load has failed are loaded here too, those of one event-loop turn together.
 *
 * @returns the loads, which all have settled
 */
export async function loadMany (
  loader: Loader, misses: ReadonlyMap<string, Miss>, work: LoadManyFunction<unknown>, options: LoadOptions
): Promise<Map<string, PromiseSettledResult<LoadResult>>> {
  const [reads, lateReads] = [new BatchReads(), new BatchReads()]
  const batch = new Batch(work, reads)
  const loads = new Map<string, Promise<LoadResult>>()
  await Promise.all(Array.from(misses, ([key, miss]) => {
    const { promise: isDecided, resolve: decide } = Promise.withResolvers<void>()
    const produce: Produce = (context) => {
      decide()
      return batch.add(context)
    }
    const load = loader.load(key, produce, { ...options, wait: false, reads }, miss)
    loads.set(key, load)
    load.then(() => decide(), () => decide())
    return isDecided
  }))
  batch.run()

  let late = new Batch(work, lateReads)
  const produceLate: Produce = (context) => {
    if (late.isEmpty) {
      setImmediate(() => {
        late.run()
        late = new Batch(work, lateReads)
      })
    }
    return late.add(context)
  }
  const settled = await Promise.allSettled(Array.from(loads, async ([key, load]) => {
    const result = await load
    if (result !== GIVEN_UP) return result
    return await loader.load(key, produceLate, { ...options, reads: lateReads }, misses.get(key))
  }))
  reads.release()
  lateReads.release()
  return new Map(Array.from(loads.keys(), (key, i) => [key, settled[i]!]))
}

/** What the loads of a batch read: each result depends on all of it. It ends with the batch, not with a load. */
class BatchReads extends ReadSet {
  override end (): void {}

  release (): void {
    super.end()
  }
}

/** Keys that one call of a loader function loads. */
class Batch {
  readonly #work: LoadManyFunction<unknown>
  readonly #reads: ReadSet
  readonly #contexts = new Map<string, ProduceContext>()
  readonly #produced = Promise.withResolvers<ReadonlyMap<string, Produced>>()

  constructor (work: LoadManyFunction<unknown>, reads: ReadSet) {
    this.#work = work
    this.#reads = reads
  }

  get isEmpty (): boolean {
    return this.#contexts.size === 0
  }

  /** Adds a key, and returns its result after `run`. */
  async add (context: ProduceContext): Promise<Produced> {
    this.#contexts.set(context.key, context)
    const produced = (await this.#produced.promise).get(context.key)!
    if (produced.value instanceof Error) throw produced.value
    return produced
  }

  run (): void {
    if (!this.isEmpty) this.#produced.resolve(collectReads(this.#reads, () => this.#produce()))
  }

  async #produce (): Promise<Map<string, Produced>> {
    const [first] = this.#contexts.values()
    const { context, finish } = createContext({
      ...first!,
      addTags: (tags) => { for (const { addTags } of this.#contexts.values()) addTags(tags) }
    })
    const { addTags, setTtl, skipStore } = context
    const loaded = await this.#work([...this.#contexts.keys()], { addTags, setTtl, skipStore })
    const values = this.#checkPairs(loaded)
    return new Map(Array.from(this.#contexts.keys(), (key) => [key, finish(values.get(key))]))
  }

  /** Checks what the loader function has returned. */
  #checkPairs (loaded: unknown): Map<string, unknown> {
    if (typeof loaded !== 'object' || loaded === null || !(Symbol.iterator in loaded)) {
      throw new ArgumentError('The loader of getOrSetMany() must return a Map, or other pairs of keys and values, ' +
        `but returned ${inspect(loaded, { depth: 0 }).slice(0, 100)}.`)
    }
    const values = new Map(loaded as Iterable<[string, unknown]>)
    for (const key of values.keys()) {
      if (this.#contexts.has(key)) continue
      throw new ArgumentError(`The loader of getOrSetMany() returned ${inspect(key).slice(0, 100)}, which is none of ` +
        'the keys that it was called with.')
    }
    return values
  }
}
