import { ModelProcess, type Subject } from './process.ts'
import { KEYS, type ReadMode } from './reads.ts'
import { CHANGES, type ChangeName } from './changes.ts'
import { READ_MODES, PAST_LIFETIME_S, type Scenario, type Step } from './steps.ts'
import type { World } from './world.ts'

const NAMES = ['A', 'B'] as const

/** Runs the steps of a scenario, and reads every key after the last one has ended. */
export async function runScenario (world: World, subject: Subject, { steps, last, late }: Scenario): Promise<void> {
  const start = (by: 0 | 1) => world.open(() => new ModelProcess(NAMES[by], world, subject))
  const processes: [ModelProcess, ModelProcess] = [start(0), start(1)]
  /** Returns a process, which is restarted if it has crashed. */
  const running = (by: 0 | 1): ModelProcess => {
    if (!processes[by].alive) processes[by] = start(by)
    return processes[by]
  }
  const readAll = async (by: 0 | 1, mode: ReadMode) => {
    for (const key of KEYS) await running(by).read(key, mode)
  }

  for (const step of steps) {
    if (step.do === 'wait for all') {
      await world.idle()
      continue
    }
    await world.schedule(`next: ${step.do}`)
    begin(step)
  }
  await world.idle()
  world.redis.reachable = true
  if (late) world.advance(PAST_LIFETIME_S)
  world.note('all steps have ended')
  await readAll(last, late ? READ_MODES.revalidating : READ_MODES.plain)

  function begin (step: Exclude<Step, { do: 'wait for all' }>): void {
    switch (step.do) {
      case 'read':
        for (let i = 0; i < step.times; i++) world.start(() => running(step.by).read(step.key, READ_MODES[step.mode]))
        break
      case 'read all': world.start(() => readAll(step.by, READ_MODES[step.mode])); break
      case 'write': {
        const transaction = { ...step, changes: resolve(step.changes), undone: resolve(step.undone) }
        world.start(() => running(step.by).write(transaction))
        break
      }
      case 'write from outside':
        world.start(() => world.writeFromOutside(resolve(step.changes), step.commits))
        break
      case 'change upstream': world.start(() => running(step.by).changeUpstream()); break
      case 'delete': world.start(() => running(step.by).delete(step.key)); break
      case 'touch': world.start(() => running(step.by).touch(step.key)); break
      case 'evict': world.redis.evict(step.key); break
      case 'save Redis': world.redis.save(); break
      case 'lose Redis': world.redis.reachable = false; break
      case 'regain Redis': world.redis.regain(step.content); break
      case 'crash': processes[step.by].crash(step.arrives); break
      case 'restart': processes[step.by].end(); running(step.by); break
      case 'pass time': world.advance(step.seconds); break
    }
  }
}

const resolve = (names: readonly ChangeName[]) => names.map((name) => CHANGES[name])
