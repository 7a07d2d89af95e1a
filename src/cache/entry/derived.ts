import type { Entry } from './entry.ts'

/** The memory in which an entry is held, and what is kept there beside its bytes. */
interface Account {
  /** Of all derived values. */
  bytes: number
  holder: Holder | undefined
  key: string
  /** Derived values by kind. */
  value?: object
  content?: object
}

/** A store in memory, which counts what is derived from its entries. */
export interface Holder {
  /** @param bytes that were derived from an entry since it was stored under this key, in addition to those before */
  grow (key: string, entry: Entry, bytes: number): void
}

/** One map for all kinds, since the table of a map of many short-lived entries is large. */
const accounts = new WeakMap<Entry, Account>()

function getAccount (entry: Entry): Account {
  let account = accounts.get(entry)
  if (account === undefined) accounts.set(entry, account = { bytes: 0, holder: undefined, key: '' })
  return account
}

/**
 * Makes a store count what is derived from an entry that it holds. The last store that holds an entry counts.
 *
 * @returns the bytes that were derived before
 */
export function countDerived (entry: Entry, holder: Holder, key: string): number {
  const account = getAccount(entry)
  account.holder = holder
  account.key = key
  return account.bytes
}

/** Values that are derived from entries, e.g. decoded: each is kept for as long as its entry. */
export class DerivedValues<T extends object> {
  readonly #kind: 'value' | 'content'

  /** @param kind an entry has one value of each kind */
  constructor (kind: 'value' | 'content') {
    this.#kind = kind
  }

  get (entry: Entry): T | undefined {
    return accounts.get(entry)?.[this.#kind] as T | undefined
  }

  /** @param bytes the memory that the value takes, beside the bytes of the entry */
  set (entry: Entry, value: T, bytes: number): void {
    const account = getAccount(entry)
    account[this.#kind] = value
    account.bytes += bytes
    account.holder?.grow(account.key, entry, bytes)
  }
}
