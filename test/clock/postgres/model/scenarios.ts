import type { Random } from '../../../coherence/storm/random.ts'
import type { Key } from './process.ts'
import type { Action, Scenario } from './scenario.ts'

const KEYS: readonly Key[] = ['row 1', 'row 1', 'row 2', 'all']

type Plain = Exclude<Action['do'], 'write' | 'read' | 'crash' | 'restart'>

const read = (by: 0 | 1, key: Key = 'row 1'): Action => ({ do: 'read', by, key })
const send = (by: 0 | 1, key: Key = 'row 1'): Action => ({ do: 'read', by, key, waits: false })
const write = (row = 1): Action => ({ do: 'write', row })
const act = (name: Plain): Action => ({ do: name })
const crash = (lost: number): Action => ({ do: 'crash', lost })
const update = (row = 1): Action[] => [act('begin'), write(row), act('commit')]

/** Small ones, whose orders are run one after the other, all of them if there is time. */
export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a row is written while it is loaded, and read again',
    before: [],
    threads: [[read(0), read(0)], update()]
  },
  {
    title: 'two requests follow each other closely while a row is written',
    before: [read(0)],
    threads: [[send(0), send(0)], update()]
  },
  {
    title: 'looks are under way, and the first one sees a change',
    before: [read(0)],
    threads: [[...update(2), send(0), send(0), ...update(), read(0)]]
  },
  {
    title: 'looks are under way while a transaction is open that the first one sees',
    before: [read(0)],
    threads: [[act('begin'), write(), ...update(2), send(0), send(0), act('commit'), read(0)]]
  },
  {
    title: 'a process forgets an old change',
    before: [read(0)],
    threads: [[...update(), read(0, 'row 2'), ...update(2), read(0, 'row 2'), read(0)]]
  },
  {
    title: 'another process has loaded the row that is written',
    before: [read(0), read(1)],
    threads: [[read(1)], update(), [read(0)]]
  },
  {
    title: 'a transaction is open while a row is loaded and another one ends',
    before: [],
    threads: [[act('begin'), write(), ...update(2), read(0), act('commit'), send(1), read(0)]]
  },
  {
    title: 'a transaction writes in a savepoint while another one ends',
    before: [],
    threads: [
      [act('begin'), act('savepoint'), write(), act('release'), ...update(2), read(0), act('commit'), read(0), read(1)]
    ]
  },
  {
    title: 'PostgreSQL crashes, loses a transaction that was seen, and gives its number to another',
    before: [...update(2), ...update(), read(0), read(1)],
    threads: [[crash(2), ...update(), read(0), read(1)]]
  },
  {
    title: 'a transaction is prepared before a crash, and committed after it',
    before: [act('begin'), write(), act('prepare'), crash(0), read(0), read(1), act('commit')],
    threads: [[read(0), read(1)]]
  },
  {
    title: 'changes are folded that a process has not seen',
    before: [read(0), read(1)],
    threads: [[...update(), act('fold'), act('fold'), send(1), read(0)]]
  },
  {
    title: 'a process sees more changes at once than a look lists',
    before: [read(0)],
    threads: [[...update(), ...update(2), ...update(), ...update(2), read(0)]]
  },
  {
    title: 'two changes of a row are folded, of which the last was seen',
    before: [],
    threads: [
      [act('begin'), write(2), ...update(), read(0), write(), act('commit'), act('fold'), act('fold'), read(1), read(0)]
    ]
  },
  {
    title: 'a change of the schema is folded that a process has not seen',
    before: [read(0), act('begin'), act('change schema'), act('commit'), act('fold'), act('fold')],
    threads: [[read(0), ...update(), read(0), read(1)]]
  },
  {
    title: 'a pooler leads to another server while looks are under way',
    before: [...update(2), ...update(2), ...update(2), read(0)],
    threads: [[crash(3), { do: 'restart', by: 1 }, read(1), send(0), send(0), ...update(), read(0)]]
  },
  {
    title: 'a pooler leads to another server while an entry is checked',
    before: [...update(2), ...update(), read(1)],
    threads: [[send(0), send(0)], [crash(1), { do: 'restart', by: 1 }, read(0)]]
  }
]

/** Creates a random one: a few transactions, readers, and disturbances. */
export function createScenario (random: Random): Scenario {
  const by = () => random.below(2) as 0 | 1
  const some = <T>(least: number, most: number, create: () => T): T[] =>
    Array.from({ length: least + random.below(most - least + 1) }, create)
  const change = (): Action[] => random.chance(0.1) ? [act('change schema')] : [write(1 + random.below(2))]
  const inSavepoint = (): Action[] =>
    [act('savepoint'), ...some(1, 2, change).flat(), act(random.chance(0.6) ? 'release' : 'undo')]
  const end = (): Action[] => {
    const last = random.chance(0.8) ? 'commit' : 'roll back'
    return random.chance(0.25) ? [act('prepare'), act(last)] : [act(last)]
  }
  const transaction = (): Action[] =>
    [act('begin'), ...some(1, 2, () => random.chance(0.25) ? inSavepoint() : change()).flat(), ...end()]
  const request = (): Action => ({ do: 'read', by: by(), key: random.pick(KEYS), waits: random.chance(0.7) })
  const disturbance = (): Action => random.chance(0.6)
    ? act('fold')
    : random.chance(0.6) ? crash(random.below(3)) : { do: 'restart', by: by() }
  return {
    title: 'a random one',
    before: some(1, 3, () => random.chance(0.6) ? [read(by(), random.pick(KEYS))] : transaction()).flat(),
    threads: [
      ...some(1, 2, () => some(1, 2, transaction).flat()),
      ...some(1, 2, () => some(2, 4, request)),
      ...some(0, 1, () => some(1, 3, disturbance))
    ]
  }
}
