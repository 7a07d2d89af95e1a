import type { GetOrSetOptions, SetOptions } from './types.ts'
import { checkBoolean, checkDuration, checkOptions, checkSeconds, checkTags } from './util/validate.ts'

/*
 * The options of one call, validated. Tags are copied, because the caller may change the array later.
 */

export const NO_TAGS: readonly string[] = []

export interface ResolvedSetOptions {
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  readonly tags: readonly string[]
}

/** @param defaultTtl of the cache */
export function resolveSetOptions (options: SetOptions, defaultTtl: number | null): ResolvedSetOptions {
  checkOptions(options)
  const { ttl, tags = NO_TAGS } = options
  checkTags(tags)
  return {
    ttl: ttl === undefined ? defaultTtl : checkSeconds('ttl', ttl),
    tags: tags.length === 0 ? NO_TAGS : [...tags]
  }
}

export function resolveGetOrSetOptions (options: GetOrSetOptions): GetOrSetOptions {
  checkOptions(options)
  const { ttl, tags } = options
  if (ttl !== undefined) checkSeconds('ttl', ttl)
  if (tags !== undefined) checkTags(tags)
  for (const name of ['staleWhileRevalidate', 'staleIfError', 'timeout'] as const) {
    if (options[name] !== undefined) checkDuration(name, options[name])
  }
  for (const name of ['refreshAhead', 'shared'] as const) {
    if (options[name] !== undefined) checkBoolean(name, options[name])
  }
  return tags === undefined ? options : { ...options, tags: [...tags] }
}
