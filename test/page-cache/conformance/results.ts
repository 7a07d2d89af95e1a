import type { Definition, Kind } from './suite.ts'

export const VERDICTS = ['pass', 'fail', 'setup-fail', 'dependency-fail', 'retry', 'error'] as const
export type Verdict = typeof VERDICTS[number]

/** The outcome of one test by itself. */
export interface Outcome { verdict: Exclude<Verdict, 'dependency-fail'>, message?: string }
/** The same in the light of the tests it depends on: where they did not pass, it says nothing. */
export interface Result { test: Definition, verdict: Verdict, message?: string }

export function collectResults (tests: Definition[], outcomes: ReadonlyMap<string, Outcome>): Result[] {
  const known = new Map(tests.map((test) => [test.id, test]))

  function unmet (test: Definition): string | undefined {
    return test.depends_on.find((id) => outcomes.get(id)?.verdict !== 'pass' || unmet(known.get(id)!) !== undefined)
  }
  return tests.filter(({ id }) => outcomes.has(id)).map((test) => {
    const dependency = unmet(test)
    const outcome = outcomes.get(test.id)!
    if (dependency === undefined) return { test, ...outcome }
    const message = `of ${dependency}; by itself: ${outcome.message ?? outcome.verdict}`
    return { test, verdict: 'dependency-fail', message }
  })
}

export function selectIds (results: Result[], kind: Kind, ...verdicts: Verdict[]): string[] {
  return results.filter(({ test, verdict }) => test.kind === kind && verdicts.includes(verdict)).map(({ test }) =>
    test.id).sort()
}
