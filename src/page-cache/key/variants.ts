import crypto from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Entry } from '../../cache/index.ts'
import { normalizeVaryValue } from '../http/vary.ts'
import { isCookie, readCookie } from './cookies.ts'

/** The index of a URL whose responses vary: stored under the primary key, it says under which keys they are stored. */
export interface Variants {
  /** Part of the keys of the variants, so that none of them can be found once the index has been deleted. */
  readonly generation: string
  /** The lists of request headers by which responses have varied, the most recent first. */
  readonly varyLists: ReadonlyArray<readonly string[]>
}

/** The request headers and single cookies that select a response, and their values in a request; null: absent. */
export interface VaryMatch {
  readonly varyNames: readonly string[]
  readonly varyValues: ReadonlyArray<string | null>
}

/** Selects the response for a request by the values of these request headers. */
export type MatchVary = (varyNames: readonly string[]) => VaryMatch

/** Where the response to a request is stored, or is to be stored. */
export interface CacheLocation {
  /** The key of the URL. */
  readonly primaryKey: string
  /** The key of the response: the primary key, unless responses of the URL vary. */
  readonly key: string
  readonly varyMatch: VaryMatch
  /** The index of variants, stored under the primary key if responses of the URL vary. */
  readonly variants?: { readonly entry: Entry, readonly value: Variants }
}

/** Represents the option `key` of a route in a list of header names. No header of a client can have this name. */
export const CUSTOM_KEY = ':key'
/** Lists of header names remembered for a URL. */
const MAX_LISTS = 4
/** Keys for the variants of one list. They limit the variants of a URL without counting them. */
const KEYS_PER_LIST = 128

/** The headers of a request: as the client sent them, and as hooks have left them. */
export interface RequestFields {
  readonly sent: IncomingHttpHeaders
  readonly headers: IncomingHttpHeaders
}

/**
 * Returns the values by which a request selects a response, RFC 9111 section 4.1.
 *
 * @param customKey the result of the option `key` of the route
 */
export function matchVary (
  varyNames: readonly string[], fields: RequestFields, customKey: string | null
): VaryMatch {
  return { varyNames, varyValues: varyNames.map((name) => name === CUSTOM_KEY ? customKey : readValue(name, fields)) }
}

/** A response may depend on a header as it was before a hook changed it, and as it was afterwards. */
function readValue (name: string, { sent, headers }: RequestFields): string | null {
  const after = normalizeHeader(headers, name)
  if (sent === headers) return after
  const before = normalizeHeader(sent, name)
  // The value of a header contains no line feed.
  return before === after ? after : `\n${JSON.stringify([before, after])}`
}

function normalizeHeader (headers: IncomingHttpHeaders, name: string): string | null {
  if (isCookie(name)) return readCookie(headers, name)
  return normalizeVaryValue(name, Object.hasOwn(headers, name) ? headers[name] : undefined)
}

/** Whether a stored response is for a request with these values, RFC 9111 section 4.1. */
export function matchesVary (stored: Pick<VaryMatch, 'varyValues'>, { varyValues }: VaryMatch): boolean {
  return isSameList(stored.varyValues, varyValues)
}

/** Whether two lists of header names are the same; both are sorted. */
export function isSameVaryList (one: readonly string[], other: readonly string[]): boolean {
  return isSameList(one, other)
}

function isSameList (one: ReadonlyArray<string | null>, other: ReadonlyArray<string | null>): boolean {
  return one.length === other.length && one.every((item, i) => item === other[i])
}

/**
 * Adds a list of header names to the index of a URL as its most recent one.
 *
 * Variants of the other lists can still be found.
 *
 * @param variants undefined: creates an index
 */
export function addVaryList (variants: Variants | undefined, varyNames: readonly string[]): Variants {
  if (variants === undefined) return { generation: crypto.randomBytes(9).toString('base64url'), varyLists: [varyNames] }
  const { generation, varyLists } = variants
  if (isSameVaryList(varyLists[0]!, varyNames)) return variants
  const others = varyLists.filter((list) => !isSameVaryList(list, varyNames))
  return { generation, varyLists: [varyNames, ...others].slice(0, MAX_LISTS) }
}

/** Returns the two keys under which a variant may be stored: the second is for two variants that share the first. */
export function variantKeys (
  primaryKey: string, generation: string, { varyNames, varyValues }: VaryMatch
): [string, string] {
  const digest = crypto.hash('sha256', JSON.stringify(varyValues), 'buffer')
  const first = digest[0]! % KEYS_PER_LIST
  const second = (first + 1 + digest[1]! % (KEYS_PER_LIST - 1)) % KEYS_PER_LIST
  const prefix = computePrefix(primaryKey, generation, varyNames)
  return [`${prefix}${first}`, `${prefix}${second}`]
}

/** Returns all keys under which variants of a URL may be stored. */
export function allVariantKeys (primaryKey: string, { generation, varyLists }: Variants): string[] {
  return varyLists.flatMap((varyNames) => {
    const prefix = computePrefix(primaryKey, generation, varyNames)
    return Array.from({ length: KEYS_PER_LIST }, (_, number) => `${prefix}${number}`)
  })
}

function computePrefix (primaryKey: string, generation: string, varyNames: readonly string[]): string {
  return `${primaryKey}:${crypto.hash('sha256', JSON.stringify([generation, varyNames]), 'base64url').slice(0, 16)}.`
}

/** Whether a value from a store is an index of variants; otherwise it is a response. */
export function isVariants (content: object): content is Variants {
  return 'generation' in content
}
