import { Process, type Subject } from './process.ts'
import { KEYS, type Manner } from './reads.ts'
import { A_WHILE, CHANGES, MANNERS, type Step, type Story } from './steps.ts'
import type { Change, World } from './world.ts'

const NAMES = ['A', 'B'] as const

/** Plays the steps, and asks for everything once all is quiet. */
export async function play (world: World, subject: Subject, { steps, last, late }: Story): Promise<void> {
  const start = (by: 0 | 1) => world.open(() => new Process(NAMES[by], world, subject))
  const processes: [Process, Process] = [start(0), start(1)]
  /** The process of that name, started anew if it crashed. */
  const living = (by: 0 | 1): Process => {
    if (!processes[by].alive) processes[by] = start(by)
    return processes[by]
  }
  const readAll = async (by: 0 | 1, manner: Manner) => {
    for (const key of KEYS) await living(by).read(key, manner)
  }

  for (const step of steps) {
    if (step.do === 'wait for all') {
      await world.quiet()
      continue
    }
    await world.moment(`next: ${step.do}`)
    begin(step)
  }
  await world.quiet()
  world.redis.reachable = true
  if (late) world.advance(A_WHILE)
  world.note('all is quiet')
  await readAll(last, late ? MANNERS.hasty : MANNERS.patient)

  function begin (step: Exclude<Step, { do: 'wait for all' }>): void {
    switch (step.do) {
      case 'read':
        for (let i = 0; i < step.times; i++) world.start(() => living(step.by).read(step.key, MANNERS[step.manner]))
        break
      case 'read all': world.start(() => readAll(step.by, MANNERS[step.manner])); break
      case 'write': world.start(() => living(step.by).write({ ...step, changes: changesOf(step.changes), undone: changesOf(step.undone) })); break
      case 'write from outside': world.start(() => world.writeFromOutside(changesOf(step.changes), step.commits)); break
      case 'move upstream': world.start(() => living(step.by).move()); break
      case 'delete': world.start(() => living(step.by).delete(step.key)); break
      case 'touch': world.start(() => living(step.by).touch(step.key)); break
      case 'evict': world.redis.evict(step.key); break
      case 'save Redis': world.redis.save(); break
      case 'lose Redis': world.redis.reachable = false; break
      case 'regain Redis': world.redis.regain(step.content); break
      case 'crash': processes[step.by].crash(step.arrives); break
      case 'restart': processes[step.by].end(); living(step.by); break
      case 'let time pass': world.advance(step.seconds); break
    }
  }
}

function changesOf (names: ReadonlyArray<keyof typeof CHANGES>): Change[] {
  return names.map((name) => CHANGES[name])
}
