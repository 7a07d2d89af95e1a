import type { Entry } from './entry.ts'

/** Why a lookup found no usable entry. */
export type MissReason = 'absent' | 'expired' | 'invalidated' | 'corrupt' | 'unavailable'

export interface Miss {
  readonly miss: MissReason
  /** The entry that was found and cannot be used. */
  readonly seen?: Entry
  /** For `invalidated`: one of the tags that changed. */
  readonly changedTag?: string
  /** An expired entry that may be served stale. Never one that was invalidated. */
  readonly stale?: Entry
  /** The shared store is unavailable, so this is only what the process knows. */
  readonly inOutage?: boolean
}

export type Lookup = Entry | Miss

export function isMiss<T extends object> (found: T | Miss): found is Miss {
  return 'miss' in found
}

/** Whether the store did not answer, so that the lookup knows only what this process knows. */
export function isUnanswered ({ miss, inOutage }: Miss): boolean {
  return miss === 'unavailable' || inOutage === true
}
