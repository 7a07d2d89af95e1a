import type { Entry } from '../entry/entry.ts'
import { ArgumentError } from '../errors.ts'
import type { LoadContext, LoadFunction } from '../types.ts'
import { checkDuration, checkNames, checkSeconds, checkTags } from '../util/validate.ts'
import type { LoadHandle, LoadResult } from './result.ts'

/** What a load has produced, and how it is to be stored. */
export interface Produced {
  readonly value: unknown
  /** The encoded value, if it is known. */
  readonly payload?: Uint8Array
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  /** Seconds for which it may be served stale. Default the longest that the options of the call allow. */
  readonly staleFor?: number | undefined
  /** Milliseconds that the value took to produce. Default the duration of the call; null: nothing was produced. */
  readonly loadMs?: number | null | undefined
  /** Stores the value whatever was read for it. */
  readonly ignoreReads?: boolean
  /** Nothing is stored. @property keepStale whether an expired entry may still be served stale */
  readonly discard?: { readonly keepStale: boolean }
}

/** Produces the value of a load. */
export type Produce = (load: ProduceContext) => Promise<Produced>

export interface ProduceContext {
  readonly key: string
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  readonly addTags: (tags: readonly string[]) => void
  readonly hitForMiss: boolean | undefined
  /** Returns the expired entry that the load is to replace, if there is one. The result depends on it from then on. */
  readonly useStale: () => { readonly entry: Entry, readonly value: unknown } | undefined
  readonly getSignal: () => AbortSignal
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

const NOT_MODIFIED = Symbol('not modified')

const SKIP_OPTIONS = new Set(['keepStale'])

/** Produces what a loader function returns. */
export function fromLoader (loader: LoadFunction<unknown>): Produce {
  return async (produceContext) => {
    const { context, finish } = createContext(produceContext)
    return finish(await loader(context))
  }
}

/** Creates the context of a loader function, and what makes of its value a result as the function wants it stored. */
export function createContext (
  { key, ttl, addTags, useStale, getSignal, now }: Omit<ProduceContext, 'hitForMiss'>
): { context: LoadContext, finish: (value: unknown) => Produced } {
  let discard: Produced['discard']
  let stale: ReturnType<typeof useStale>
  const context: LoadContext = {
    key,
    get stale () {
      const stale = useStale()
      return stale && { value: stale.value, age: Math.max(0, now() - stale.entry.storedAt) / 1000 }
    },
    get signal () { return getSignal() },
    notModified () {
      stale = useStale() // a copy, since the loader may have changed the other one
      if (stale === undefined) {
        throw new ArgumentError(`notModified() needs a stale value, but there is none of ${JSON.stringify(key)}. ` +
          'Call it only if context.stale is set.')
      }
      return NOT_MODIFIED as never
    },
    addTags: (...tags) => { checkTags(tags); addTags(tags) },
    setTtl (value) { ttl = checkSeconds('ttl', value) },
    skipStore (options = {}) {
      checkNames('skipStore()', options, SKIP_OPTIONS)
      discard = { keepStale: options.keepStale ?? false }
    }
  }

  function finish (value: unknown): Produced {
    const how = { ttl, ...discard && { discard } }
    if (value !== NOT_MODIFIED) return { value, ...how }
    const { payload } = stale!.entry
    return { value: stale!.value, payload, ...how }
  }

  return { context, finish }
}

/**
 * Produces what an adapter reports by a handle, which may be long after `onLead` has returned.
 *
 * @param result what the methods of the handle return
 */
export function fromHandle (onLead: (load: LoadHandle) => void, result: Promise<LoadResult>): Produce {
  return async ({ addTags, hitForMiss }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Produced>()
    onLead({
      ...hitForMiss && { hitForMiss },
      fulfil ({ ttl, tags = [], staleFor = 0, ...produced }) {
        try {
          checkTags(tags)
          addTags(tags)
          resolve({ ...produced, ttl: checkSeconds('ttl', ttl), staleFor: checkDuration('staleFor', staleFor) })
        } catch (error) {
          reject(error)
        }
        return result
      },
      fail (error) {
        reject(error)
        return result
      },
      discard ({ keepStale = false } = {}) {
        resolve({ value: undefined, ttl: null, discard: { keepStale } })
        return result
      }
    })
    return await promise
  }
}
