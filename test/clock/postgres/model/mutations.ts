import type { Mutation } from './code.ts'

/** A mutation, and whether it shows only behind a pooler. */
interface ClockMutation extends Mutation { readonly isPooled?: boolean }

/** Small changes of the code. With each of them, the clock serves a stale answer, which the explorer must find. */
export const MUTATIONS: readonly ClockMutation[] = [
  {
    title: 'a look serves callers that came after it was sent',
    file: 'looks.ts',
    from: 'this.#next = undefined // a later caller may know of changes that this look does not see',
    to: 'setImmediate(() => { this.#next = undefined })'
  },
  {
    title: 'looks ignore the floor',
    file: 'looks.ts',
    from: 'if (BigInt(floor) > previous.xmin) changes.forget(this.#number)',
    to: ''
  },
  {
    title: 'looks ignore the name of the history',
    file: 'looks.ts',
    from: 'if (nonce !== history || nonce !== this.#nonce) {',
    to: 'if (this.#nonce === undefined) {',
    isPooled: true
  },
  {
    title: 'a look that was sent before a pooler has chosen another server is compared',
    file: 'looks.ts',
    from: 'nonce !== history || ',
    to: '',
    isPooled: true
  },
  {
    title: 'looks that have seen a change have the number of the look before',
    file: 'looks.ts',
    from: 'this.#continueFrom(new Snapshot(now))\n    this.#number++',
    to: 'this.#continueFrom(new Snapshot(now))'
  },
  {
    title: 'a look that was sent before the last one had returned lists nothing new',
    file: 'looks.ts',
    from: "xid !== '' && last.includes(BigInt(xid))",
    to: "xid !== ''"
  },
  { title: 'looks ignore changes of the schema', file: 'looks.ts', from: 'changes.changeAll(this.#number)', to: '' },
  {
    title: 'looks do not wait until the schema was read',
    file: 'looks.ts',
    from: 'else resolve(this.#reading.then(() => this.#publish(look)))',
    to: 'else resolve(this.#publish(look))'
  },
  {
    title: 'a new history does not make the process forget',
    file: 'looks.ts',
    from: 'this.#options.changes.forget(++this.#number)',
    to: '++this.#number'
  },
  {
    title: 'all changes since any look count as known',
    file: 'recent-changes.ts',
    from: 'return look >= this.#knownSince || look < this.#allChangedAt',
    to: 'return true'
  },
  {
    title: 'changes that were dropped count as known',
    file: 'recent-changes.ts',
    from: 'this.#knownSince = at',
    to: ''
  },
  {
    title: 'a change of a row is none of its table',
    file: 'recent-changes.ts',
    from: 'for (const key of [rel, ',
    to: 'for (const key of ['
  },
  {
    title: 'a change of all rows is none of a row',
    file: 'recent-changes.ts',
    from: 'const ANY = -1',
    to: 'const ANY = -3'
  },
  {
    title: 'a change of the schema changes no entry',
    file: 'recent-changes.ts',
    from: 'if (look < this.#allChangedAt) return 0',
    to: ''
  },
  {
    title: 'snapshots list no open transactions',
    file: 'snapshot.ts',
    from: ' && !this.#open.has(xid)',
    to: ''
  },
  {
    title: 'entries of another history are checked in this one',
    file: 'stale-entries.ts',
    from: " || stamp.slice(0, stamp.indexOf('/')) !== this.#looks.nonce",
    to: ''
  },
  {
    title: 'answers for another entry count',
    file: 'stale-entries.ts',
    from: '!changed.has(i + 1)',
    to: '!changed.has(i)'
  },
  {
    title: 'entries that cannot be compared are valid',
    file: 'versions.ts',
    from: 'if (check.look === undefined) return tags[0]',
    to: ''
  },
  {
    title: 'a check does not look',
    file: 'versions.ts',
    from: 'return await check(await looks.look(), stamp, tags)',
    to: 'return await check(looks.last!, stamp, tags)'
  }
]
