import { hash, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Entry } from '../../cache/index.ts'
import { normalizeVaryValue } from '../http/vary.ts'

/** What is kept for a URL whose responses vary: where to find them. */
export interface Variants {
  /** The keys of its pages are made with it, so that they are gone when it is. */
  readonly generation: string
  /** Lists of request fields by which responses varied, the latest first. */
  readonly varyLists: ReadonlyArray<readonly string[]>
}

/** Request fields that select a page, and what a request says in them; null: it does not have the field. */
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

/** Stands in a list for what the option `key` of a route adds. No field that a client sends can have this name. */
export const CUSTOM_KEY = ':key'
/** Lists remembered for a URL. */
const MAX_LISTS = 4
/** Places for the pages of one list. A limit that holds by construction: nobody has to count. */
const SLOTS = 128

/** The fields of a request: as its client sent them, and as hooks have left them. */
export interface RequestFields {
  readonly sent: IncomingHttpHeaders
  readonly headers: IncomingHttpHeaders
}

/** @param added what the option `key` of the route adds */
export function matchVary (list: readonly string[], fields: RequestFields, added: string | null): VaryMatch {
  return { varyNames: list, varyValues: list.map((name) => name === CUSTOM_KEY ? added : valueOf(name, fields)) }
}

/** A page may be made of what a hook has read before it changed it, or of what it changed it to. */
function valueOf (name: string, { sent, headers }: RequestFields): string | null {
  const left = valueIn(headers, name)
  if (sent === headers) return left
  const first = valueIn(sent, name)
  // No field has a line feed in it.
  return first === left ? left : `\n${JSON.stringify([first, left])}`
}

function valueIn (headers: IncomingHttpHeaders, name: string): string | null {
  return normalizeVaryValue(name, Object.hasOwn(headers, name) ? headers[name] : undefined)
}

export function matchesVary (page: Pick<VaryMatch, 'varyValues'>, { varyValues }: VaryMatch): boolean {
  return page.varyValues.length === varyValues.length && varyValues.every((value, i) => value === page.varyValues[i])
}

export function isSameVaryList (one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, i) => name === other[i])
}

/** With one list more, or the same one as the latest. What was kept by the others can still be found. */
export function addVaryList (variants: Variants | undefined, list: readonly string[]): Variants {
  if (variants === undefined) return { generation: randomBytes(9).toString('base64url'), varyLists: [list] }
  if (isSameVaryList(variants.varyLists[0]!, list)) return variants
  return { ...variants, varyLists: [list, ...variants.varyLists.filter((known) => !isSameVaryList(known, list))].slice(0, MAX_LISTS) }
}

/** The two places where the page of a selection may be: the second is for two selections that share the first. */
export function variantKeys (primary: string, generation: string, { varyNames, varyValues }: VaryMatch): [string, string] {
  const digest = hash('sha256', JSON.stringify(varyValues), 'buffer')
  const first = digest[0]! % SLOTS
  const second = (first + 1 + digest[1]! % (SLOTS - 1)) % SLOTS
  const start = startOf(primary, generation, varyNames)
  return [`${start}${first}`, `${start}${second}`]
}

/** All places where pages of a URL may be. */
export function allVariantKeys (primary: string, { generation, varyLists }: Variants): string[] {
  return varyLists.flatMap((list) => {
    const start = startOf(primary, generation, list)
    return Array.from({ length: SLOTS }, (_, slot) => `${start}${slot}`)
  })
}

function startOf (primary: string, generation: string, list: readonly string[]): string {
  return `${primary}:${hash('sha256', JSON.stringify([generation, list]), 'base64url').slice(0, 16)}.`
}

/** Whether what was read from a store is this, and not a page. */
export function isVariants (content: object): content is Variants {
  return 'generation' in content
}
