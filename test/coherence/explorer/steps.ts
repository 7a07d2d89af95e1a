import fc from 'fast-check'
import type { GetOrSetOptions } from '../../../src/cache/index.ts'
import type { Work } from './process.ts'
import { KEYS, type Manner } from './reads.ts'
import type { Change } from './world.ts'

/** A step begins something, and does not wait for its end, which is up to the scheduler. */
export type Step =
  | { do: 'read', by: 0 | 1, key: string, manner: keyof typeof MANNERS, times: number }
  | { do: 'read all', by: 0 | 1, manner: keyof typeof MANNERS }
  | { do: 'write', by: 0 | 1, changes: ChangeName[], undone: ChangeName[] } & Omit<Work, 'changes' | 'undone'>
  | { do: 'write from outside', changes: ChangeName[], commits: boolean }
  | { do: 'move upstream', by: 0 | 1 }
  | { do: 'delete' | 'touch', by: 0 | 1, key: string }
  | { do: 'evict', key: string }
  | { do: 'save Redis' | 'lose Redis' }
  | { do: 'regain Redis', content: 'all' | 'saved' | 'nothing' }
  | { do: 'crash', by: 0 | 1, arrives: boolean }
  | { do: 'restart', by: 0 | 1 }
  | { do: 'let time pass', seconds: number }
  | { do: 'wait for all' }

export const CHANGES = {
  'update 1': (title) => `UPDATE products SET title = '${title}' WHERE id = 1`,
  'update 2': (title) => `UPDATE products SET title = '${title}' WHERE id = 2`,
  'update all': (title) => `UPDATE products SET title = '${title}'`,
  'put 2': (title) => `INSERT OR REPLACE INTO products (id, title, price) VALUES (2, '${title}', '1')`,
  'put 3': (title) => `INSERT OR REPLACE INTO products (id, title, price) VALUES (3, '${title}', '1')`,
  'delete 1': () => 'DELETE FROM products WHERE id = 1',
  'delete all': () => 'DELETE FROM products',
  'move 2 to 1': (title) => `UPDATE OR REPLACE products SET id = 1, title = '${title}' WHERE id = 2`
} satisfies Record<string, Change>

type ChangeName = keyof typeof CHANGES

/** Whatever is kept may stand in for a while after its life; whether it does is up to who asks. */
const PATIENT: GetOrSetOptions = { ttl: 10, staleIfError: 20 }
const HASTY: GetOrSetOptions = { ttl: 10, staleWhileRevalidate: 20 }
/** Seconds after which what was kept is past its life, and may still stand in. */
export const A_WHILE = 12

export const MANNERS = {
  patient: { options: PATIENT, fails: false },
  hasty: { options: HASTY, fails: false },
  'patient, failing': { options: PATIENT, fails: true },
  'hasty, failing': { options: HASTY, fails: true }
} satisfies Record<string, Manner>

const names = <T extends object>(record: T) => fc.constantFrom(...Object.keys(record) as Array<keyof T>)
const by = fc.constantFrom(0 as const, 1 as const)
const key = fc.constantFrom(...KEYS)
const maybeKey = fc.option(key, { nil: undefined })
const changes = fc.array(names(CHANGES), { minLength: 1, maxLength: 2 })
const mostly = fc.integer({ min: 0, max: 3 }).map((n) => n > 0)

const step = <K extends Step['do'], R extends object>(name: K, rest: { [P in keyof R]: fc.Arbitrary<R[P]> }) =>
  fc.record({ do: fc.constant(name), ...rest }) as unknown as fc.Arbitrary<Step>

const read = step('read', { by, key, manner: names(MANNERS), times: fc.integer({ min: 1, max: 2 }) })
const readAll = step('read all', { by, manner: names(MANNERS) })
const write = step('write', {
  by,
  changes,
  commits: mostly,
  undone: fc.array(names(CHANGES), { maxLength: 1 }),
  peek: maybeKey,
  waits: mostly,
  moves: fc.boolean(),
  tidy: fc.boolean(),
  after: maybeKey
})
const fairWrite = step('write', {
  by, changes, commits: mostly, ...constants({ undone: [], peek: undefined, waits: true, moves: false, tidy: true, after: undefined })
})
const writeFromOutside = step('write from outside', { changes, commits: mostly })
const passTime = step('let time pass', { seconds: fc.constantFrom(3, A_WHILE) })
const wait = step('wait for all', {})

const anything = fc.oneof(
  { weight: 10, arbitrary: read },
  { weight: 2, arbitrary: readAll },
  { weight: 5, arbitrary: write },
  { weight: 3, arbitrary: writeFromOutside },
  { weight: 1, arbitrary: step('move upstream', { by }) },
  { weight: 1, arbitrary: fc.oneof(step('delete', { by, key }), step('touch', { by, key }), step('evict', { key })) },
  { weight: 2, arbitrary: passTime },
  { weight: 2, arbitrary: fc.oneof(step('crash', { by, arrives: fc.boolean() }), step('restart', { by })) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      step('save Redis', {}), step('lose Redis', {}), step('regain Redis', { content: fc.constantFrom('all', 'saved', 'nothing') })
    )
  },
  { weight: 6, arbitrary: wait }
)

/** Nobody deletes anything, so that what is kept stays for long. */
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

/** A story, and who asks for everything at its end. */
export interface Story {
  readonly steps: readonly Step[]
  readonly last: 0 | 1
  /** Asks when everything is past its life. */
  readonly late: boolean
  /** Whatever waits goes on two at a time, as what arrives in one packet does. */
  readonly together: boolean
}

const stories = (...kinds: Array<fc.Arbitrary<Step>>): fc.Arbitrary<Story> => fc.record({
  steps: fc.oneof(...kinds.map((kind) => fc.array(kind, { minLength: 8, maxLength: 28, size: 'max' }))),
  last: by,
  late: fc.boolean(),
  together: fc.boolean()
})

/** All that can happen. */
export const ANYTHING = stories(anything, anything, calm)
/** Reads and writes of processes that live and of a Redis that is there, and nobody else writes. */
export const FAIR = stories(fair)
