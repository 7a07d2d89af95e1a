import fc from 'fast-check'
import type { GetOrSetOptions } from '../../../src/cache/index.ts'
import { type ChangeName, CHANGES } from './changes.ts'
import type { Transaction } from './process.ts'
import { KEYS, type ReadMode } from './reads.ts'

/** A step starts something and does not wait for its end, which depends on the scheduler. */
export type Step =
  | { do: 'read', by: 0 | 1, key: string, mode: keyof typeof READ_MODES, times: number }
  | { do: 'read all', by: 0 | 1, mode: keyof typeof READ_MODES }
  | { do: 'write', by: 0 | 1, changes: ChangeName[], undone: ChangeName[] } & Omit<Transaction, 'changes' | 'undone'>
  | { do: 'write from outside', changes: ChangeName[], commits: boolean }
  | { do: 'change upstream', by: 0 | 1 }
  | { do: 'delete' | 'touch', by: 0 | 1, key: string }
  | { do: 'evict', key: string }
  | { do: 'save Redis' | 'lose Redis' }
  | { do: 'regain Redis', content: 'all' | 'saved' | 'nothing' }
  | { do: 'crash', by: 0 | 1, arrives: boolean }
  | { do: 'restart', by: 0 | 1 }
  | { do: 'pass time', seconds: number }
  | { do: 'wait for all' }

/** Stale values may be served for a while: after a failed load, or at once while they are refreshed. */
const PLAIN: GetOrSetOptions = { ttl: 10, staleIfError: 20 }
const REVALIDATING: GetOrSetOptions = { ttl: 10, staleWhileRevalidate: 20 }
/** Seconds after which a stored value has expired and may still be served stale. */
export const PAST_LIFETIME_S = 12

export const READ_MODES = {
  plain: { options: PLAIN, fails: false },
  revalidating: { options: REVALIDATING, fails: false },
  'plain, failing': { options: PLAIN, fails: true },
  'revalidating, failing': { options: REVALIDATING, fails: true }
} satisfies Record<string, ReadMode>

const names = <T extends object>(record: T) => fc.constantFrom(...Object.keys(record) as Array<keyof T>)
const by = fc.constantFrom(0 as const, 1 as const)
const key = fc.constantFrom(...KEYS)
const maybeKey = fc.option(key, { nil: undefined })
const changes = fc.array(names(CHANGES), { minLength: 1, maxLength: 2 })
const mostly = fc.integer({ min: 0, max: 3 }).map((n) => n > 0)

const step = <K extends Step['do'], R extends object>(name: K, rest: { [P in keyof R]: fc.Arbitrary<R[P]> }) =>
  fc.record({ do: fc.constant(name), ...rest }) as unknown as fc.Arbitrary<Step>

const read = step('read', { by, key, mode: names(READ_MODES), times: fc.integer({ min: 1, max: 2 }) })
const readAll = step('read all', { by, mode: names(READ_MODES) })
const write = step('write', {
  by,
  changes,
  commits: mostly,
  undone: fc.array(names(CHANGES), { maxLength: 1 }),
  peek: maybeKey,
  waits: mostly,
  changesUpstream: fc.boolean(),
  deletesKeys: fc.boolean(),
  after: maybeKey
})
const fairWrite = step('write', {
  by,
  changes,
  commits: mostly,
  ...constants({
    undone: [], peek: undefined, waits: true, changesUpstream: false, deletesKeys: true, after: undefined
  })
})
const writeFromOutside = step('write from outside', { changes, commits: mostly })
const passTime = step('pass time', { seconds: fc.constantFrom(3, PAST_LIFETIME_S) })
const wait = step('wait for all', {})

const anything = fc.oneof(
  { weight: 10, arbitrary: read },
  { weight: 2, arbitrary: readAll },
  { weight: 5, arbitrary: write },
  { weight: 3, arbitrary: writeFromOutside },
  { weight: 1, arbitrary: step('change upstream', { by }) },
  { weight: 1, arbitrary: fc.oneof(step('delete', { by, key }), step('touch', { by, key }), step('evict', { key })) },
  { weight: 2, arbitrary: passTime },
  { weight: 2, arbitrary: fc.oneof(step('crash', { by, arrives: fc.boolean() }), step('restart', { by })) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      step('save Redis', {}),
      step('lose Redis', {}),
      step('regain Redis', { content: fc.constantFrom('all', 'saved', 'nothing') })
    )
  },
  { weight: 6, arbitrary: wait }
)

/** No process deletes anything, so that entries stay stored for long. */
const calm = fc.oneof(
  { weight: 1, arbitrary: read },
  { weight: 3, arbitrary: readAll },
  { weight: 2, arbitrary: writeFromOutside },
  { weight: 2, arbitrary: passTime },
  { weight: 3, arbitrary: wait }
)

const fair = fc.oneof(
  { weight: 6, arbitrary: read },
  { weight: 1, arbitrary: readAll },
  { weight: 3, arbitrary: fairWrite },
  { weight: 1, arbitrary: wait }
)

function constants<T extends object> (record: T): { [P in keyof T]: fc.Arbitrary<T[P]> } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, fc.constant(value)])) as never
}

export interface Scenario {
  readonly steps: readonly Step[]
  /** The process that reads everything at the end. */
  readonly last: 0 | 1
  /** It reads when everything has expired. */
  readonly late: boolean
  /** Scheduled steps run two at a time, as if they had arrived in one packet. */
  readonly together: boolean
}

const scenarios = (...kinds: Array<fc.Arbitrary<Step>>): fc.Arbitrary<Scenario> => fc.record({
  steps: fc.oneof(...kinds.map((kind) => fc.array(kind, { minLength: 8, maxLength: 28, size: 'max' }))),
  last: by,
  late: fc.boolean(),
  together: fc.boolean()
})

/** Everything that can happen. */
export const ANYTHING = scenarios(anything, anything, calm)
/** Reads and writes without crashes, with an available Redis, and without another program that writes. */
export const FAIR = scenarios(fair)
