import type { EntryFilter } from './stores/store.ts'
import type { EntriesOptions, GetOrSetOptions, SetOptions } from './options.ts'
import {
  checkBoolean, checkDuration, checkMilliseconds, checkNames, checkOptions, checkPrefix, checkPrefixes, checkSeconds,
  checkTags
} from './util/validate.ts'
import { currentReads } from './versions/read-set.ts'
import type { StalenessBound } from './versions/versions.ts'

/*
 * The options of one call, validated. Tags are copied, because the caller may change the array later.
 */

export const NO_TAGS: readonly string[] = []

const SET_OPTIONS = new Set<keyof SetOptions>(['ttl', 'tags'])
const ENTRIES_OPTIONS = new Set<keyof EntriesOptions>(['prefix'])
const FILTER = new Set<keyof EntryFilter>(['prefix', 'prefixes', 'tags'])
const GET_OR_SET_OPTIONS = new Set<keyof GetOrSetOptions>([
  'ttl', 'tags', 'staleWhileRevalidate', 'staleIfError', 'refreshAhead', 'shared', 'timeout', 'maxStaleness'
])

export interface ResolvedSetOptions {
  /** Seconds; null: never expires. */
  readonly ttl: number | null
  readonly tags: readonly string[]
}

/**
 * Resolves the options of a verb that stores values.
 *
 * @param verb that has the options
 * @param defaultTtl of the cache
 */
export function resolveSetOptions (verb: string, options: SetOptions, defaultTtl: number | null): ResolvedSetOptions {
  checkOptions(options)
  checkNames(`${verb}()`, options, SET_OPTIONS)
  const { ttl, tags = NO_TAGS } = options
  checkTags(tags)
  return {
    ttl: ttl === undefined ? defaultTtl : checkSeconds('ttl', ttl),
    tags: tags.length === 0 ? NO_TAGS : [...tags]
  }
}

/** Checks which entries are to be deleted. A misspelt name would delete all. */
export function resolveFilter (
  filter: EntryFilter
): { readonly prefix: string, readonly prefixes?: readonly string[], readonly tags?: readonly string[] } {
  checkOptions(filter)
  checkNames('deleteMatching()', filter, FILTER)
  const { prefix = '', prefixes, tags } = filter
  checkPrefix(prefix)
  if (prefixes !== undefined) checkPrefixes(prefixes)
  if (tags !== undefined) checkTags(tags)
  return { prefix, ...prefixes && { prefixes: [...prefixes] }, ...tags && { tags: [...tags] } }
}

/** Returns the prefix of the keys to list. */
export function resolveEntriesOptions (options: EntriesOptions): string {
  checkOptions(options)
  checkNames('entries()', options, ENTRIES_OPTIONS)
  const { prefix = '' } = options
  checkPrefix(prefix)
  return prefix
}

/** The options of `getOrSet`, with all durations in seconds, but `maxStaleness` in milliseconds. */
export interface ResolvedGetOrSetOptions extends GetOrSetOptions {
  ttl?: number | null
  staleWhileRevalidate?: number
  staleIfError?: number
  timeout?: number
  maxStaleness?: number
}

const DURATIONS = ['staleWhileRevalidate', 'staleIfError', 'timeout'] as const

/** @param verb that has the options */
export function resolveGetOrSetOptions (options: GetOrSetOptions, verb = 'getOrSet'): ResolvedGetOrSetOptions {
  checkOptions(options)
  checkNames(`${verb}()`, options, GET_OR_SET_OPTIONS)
  const { ttl, tags, refreshAhead, shared, maxStaleness } = options
  const seconds = ttl === undefined ? undefined : checkSeconds('ttl', ttl)
  if (tags !== undefined) checkTags(tags)
  if (refreshAhead !== undefined) checkBoolean('refreshAhead', refreshAhead)
  if (shared !== undefined) checkBoolean('shared', shared)
  const maxMs = maxStaleness === undefined ? undefined : checkMilliseconds('maxStaleness', maxStaleness)
  let hasText = typeof ttl === 'string' || typeof maxStaleness === 'string'
  for (const name of DURATIONS) {
    const duration = options[name]
    if (duration === undefined) continue
    checkDuration(name, duration)
    hasText ||= typeof duration === 'string'
  }
  // Most calls need no copy.
  if (tags === undefined && !hasText) return options as ResolvedGetOrSetOptions
  const resolved = { ...options, ...seconds !== undefined && { ttl: seconds } } as ResolvedGetOrSetOptions
  if (maxMs !== undefined) resolved.maxStaleness = maxMs
  if (tags !== undefined) resolved.tags = [...tags]
  for (const name of DURATIONS) {
    if (options[name] !== undefined) resolved[name] = checkDuration(name, options[name])
  }
  return resolved
}

/**
 * Returns how a lookup may use an earlier check; undefined: it may not.
 *
 * A value that another one is made from is checked: its tags become tags of that one, whose stamp is later.
 *
 * @param maxMs the option `maxStaleness`
 */
export function boundStaleness (maxMs = 0): StalenessBound | undefined {
  return maxMs > 0 && currentReads() === undefined ? { maxMs, isUsed: false } : undefined
}
