import { hash, randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { selectingValue } from './rules/vary.ts'

/** What is kept for a URL whose responses vary: where to find them. */
export interface Variants {
  /** The keys of its pages are made with it, so that they are gone when it is. */
  readonly generation: string
  /** Lists of request fields by which responses varied, the latest first. */
  readonly lists: ReadonlyArray<readonly string[]>
}

/** Request fields that select a page, and what a request says in them; null: it does not have the field. */
export interface Selection {
  readonly list: readonly string[]
  readonly values: ReadonlyArray<string | null>
}

/** Stands in a list for what the option `key` of a route adds. No field that a client sends can have this name. */
export const ADDED_KEY = ':key'
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
export function select (list: readonly string[], fields: RequestFields, added: string | null): Selection {
  return { list, values: list.map((name) => name === ADDED_KEY ? added : valueOf(name, fields)) }
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
  return selectingValue(name, Object.hasOwn(headers, name) ? headers[name] : undefined)
}

export function isSelected (page: { selected: Selection['values'] }, { values }: Selection): boolean {
  return page.selected.length === values.length && values.every((value, i) => value === page.selected[i])
}

export function isSameList (one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, i) => name === other[i])
}

/** With one list more, or the same one as the latest. What was kept by the others can still be found. */
export function withList (variants: Variants | undefined, list: readonly string[]): Variants {
  if (variants === undefined) return { generation: randomBytes(9).toString('base64url'), lists: [list] }
  if (isSameList(variants.lists[0]!, list)) return variants
  return { ...variants, lists: [list, ...variants.lists.filter((known) => !isSameList(known, list))].slice(0, MAX_LISTS) }
}

/** The two places where the page of a selection may be: the second is for two selections that share the first. */
export function placesOf (primary: string, generation: string, { list, values }: Selection): [string, string] {
  const digest = hash('sha256', JSON.stringify(values), 'buffer')
  const first = digest[0]! % SLOTS
  const second = (first + 1 + digest[1]! % (SLOTS - 1)) % SLOTS
  const start = startOf(primary, generation, list)
  return [`${start}${first}`, `${start}${second}`]
}

/** All places where pages of a URL may be. */
export function allPlaces (primary: string, { generation, lists }: Variants): string[] {
  return lists.flatMap((list) => {
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
