import { Random } from '../../../coherence/storm/random.ts'
import { runScenario, type Scenario, type Subject } from './scenario.ts'
import { createScenario, SCENARIOS } from './scenarios.ts'
import { type Choose, Violation, type World } from './world.ts'

export interface Findings {
  /** How many orders were run. */
  readonly runs: number
  /** Whether these are all orders that are possible. */
  readonly isComplete: boolean
  /** Answers from the cache that were checked. */
  readonly hits: number
  readonly violation?: { readonly error: Violation, readonly scenario: Scenario, readonly log: readonly string[] }
}

/** Runs a scenario in one order after the other: first all that differ in the last choice, then in the one before. */
export async function exploreAll (scenario: Scenario, subject: Subject, maxRuns: number): Promise<Findings> {
  const path: Array<{ choice: number, count: number }> = []
  let depth = 0
  const choose: Choose = (count) => {
    const choice = path[depth]?.choice ?? 0
    path[depth++] = { choice, count }
    return choice
  }
  let isComplete = false
  const findings = await explore(maxRuns, () => ({ scenario, choose }), () => {
    depth = 0
    while (path.length > 0 && path.at(-1)!.choice + 1 >= path.at(-1)!.count) path.pop()
    isComplete = path.length === 0
    if (!isComplete) path.at(-1)!.choice++
    return !isComplete
  }, subject)
  return { ...findings, isComplete }
}

/** Runs random scenarios in random orders. @param create returns a scenario */
export async function exploreSome (
  create: (random: Random) => Scenario, subject: Subject, seed: number, runs: number
): Promise<Findings> {
  const random = new Random(seed)
  const next = () => ({ scenario: create(random), choose: (count: number) => random.below(count) })
  return await explore(runs, next, () => true, subject)
}

export interface Limits {
  readonly seed: number
  /** How many orders of each small scenario are run one after the other, how many at random, and random scenarios. */
  readonly depths: readonly number[]
}

/** Looks for a wrong answer: deeper and deeper, in small scenarios and in random ones. */
export async function findViolation (subject: Subject, { seed, depths }: Limits): Promise<Findings> {
  let runs = 0
  let hits = 0
  for (const depth of depths) {
    for (const find of [
      ...SCENARIOS.map((scenario) => () => exploreAll(scenario, subject, depth)),
      ...SCENARIOS.map((scenario) => () => exploreSome(() => scenario, subject, seed, depth)),
      () => exploreSome(createScenario, subject, seed, depth * SCENARIOS.length)
    ]) {
      const found = await find()
      runs += found.runs
      hits += found.hits
      if (found.violation !== undefined) return { ...found, runs }
    }
  }
  return { runs, hits, isComplete: false }
}

async function explore (
  maxRuns: number, next: () => { scenario: Scenario, choose: Choose }, goOn: () => boolean, subject: Subject
): Promise<Findings> {
  let hits = 0
  for (let runs = 1; ; runs++) {
    const { scenario, choose } = next()
    let world: World
    try {
      await runScenario(scenario, subject, choose, (created) => { world = created })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return { runs, hits, isComplete: false, violation: { error, scenario, log: world!.log } }
    }
    hits += world!.hits
    if (!goOn() || runs === maxRuns) return { runs, hits, isComplete: false }
  }
}
