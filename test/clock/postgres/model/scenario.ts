import { createSharedStore, type Design, type Key, ModelProcess } from './process.ts'
import type { Flaws } from './clock-functions.ts'
import type { Transaction } from './transactions.ts'
import { type Choose, World } from './world.ts'

const ROWS = 2

/** What a client of the database does, one after the other. */
export type Action =
  | { do: 'begin' | 'savepoint' | 'release' | 'undo' | 'change schema' | 'prepare' | 'commit' | 'roll back' }
  | { do: 'write', row: number }
  /** Without waiting for the answer, or waiting. */
  | { do: 'read', by: 0 | 1, key: Key, waits?: boolean }
  | { do: 'fold' }
  | { do: 'crash', lost: number }
  | { do: 'restart', by: 0 | 1 }

/** Threads that run at the same time. */
export interface Scenario {
  readonly title: string
  /** Run before, in order. */
  readonly before: readonly Action[]
  readonly threads: ReadonlyArray<readonly Action[]>
}

export interface Subject extends Design {
  readonly title: string
  readonly flaws?: Flaws
}

const NAMES = ['A', 'B'] as const

/** Runs a scenario once. Rejects with a `Violation` if an answer was wrong. */
export async function runScenario (
  { before, threads }: Scenario, subject: Subject, choose: Choose, onWorld: (world: World) => void
): Promise<void> {
  const world = new World(ROWS, subject.flaws)
  onWorld(world)
  const { server } = world
  const store = createSharedStore()
  const processes: ModelProcess[] = []

  /** Starts a process. It answers requests once its clock has looked at the database. */
  async function open (by: 0 | 1): Promise<void> {
    const process = new ModelProcess(NAMES[by], world, store, subject)
    try {
      await process.open()
      processes[by] = process
    } catch {
      process.close() // a crash came between
      await open(by)
    }
  }

  async function run (actions: readonly Action[]): Promise<void> {
    /** The open ones, of which the last is used. */
    const transactions: Transaction[] = []
    for (const action of actions) await runAction(action)

    async function runAction (action: Action): Promise<void> {
      switch (action.do) {
        case 'begin': transactions.push(server.begin()); break
        case 'read': {
          await world.step(`${NAMES[action.by]} is about to read`)
          const reading = processes[action.by]!.read(action.key)
          if (action.waits !== false) await reading
          else world.start(() => reading)
          break
        }
        case 'fold':
          await world.step('fold begins')
          if (!server.beginFold()) return
          await world.step('fold commits')
          server.endFold()
          break
        case 'crash':
          await world.step('crash')
          server.crash(action.lost)
          for (const process of processes) {
            world.start(async () => {
              await world.step('a crash is noticed')
              process.notice()
            })
          }
          break
        case 'restart': {
          await world.step(`${NAMES[action.by]} restarts`)
          processes[action.by]!.close()
          await open(action.by)
          break
        }
        default: await changeData(action)
      }
    }

    async function changeData (action: Exclude<Action, { do: 'begin' | 'read' | 'fold' | 'crash' | 'restart' }>) {
      const transaction = transactions.at(-1)!
      const isEnd = action.do === 'commit' || action.do === 'roll back'
      if (isEnd) transactions.pop()
      await world.step(`${action.do} ${'row' in action ? action.row : ''}`, () => {
        if (action.do === 'write') return !server.isLocked(action.row, transaction)
        return action.do !== 'change schema' || !server.isLocked(undefined, transaction)
      })
      if (server.isLost(transaction)) return // by a crash
      switch (action.do) {
        case 'write': server.write(transaction, action.row); break
        case 'change schema': server.changeSchema(transaction); break
        case 'savepoint': transaction.beginSavepoint(); break
        case 'release': transaction.release(); break
        case 'undo': server.rollbackToSavepoint(transaction); break
        case 'prepare': server.prepare(transaction); break
        case 'commit': world.commit(transaction); break
        case 'roll back': server.rollback(transaction); break
      }
    }
  }

  await world.run(() => world.start(async () => {
    for (const by of [0, 1] as const) await open(by)
    await run(before)
  }))
  await world.run(() => { for (const actions of threads) world.start(() => run(actions)) }, choose)
}
