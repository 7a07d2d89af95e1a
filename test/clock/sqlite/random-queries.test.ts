import fc from 'fast-check'
import t from 'tap'
import { soak } from '../../support/soak.ts'
import { bound, clockwork, type Reading, reading } from './clock-support.ts'
import { change, DATA as DATA_OF_RANDOM, parameter, query, SCHEMA as SCHEMA_OF_RANDOM } from './random-queries.ts'

const RUNS = soak(200, 40)

type Question = [text: string, values: unknown[]]
const questions: fc.Arbitrary<Question[]> = fc.array(
  fc.tuple(query, fc.array(parameter, { minLength: 1, maxLength: 4 })), { minLength: 1, maxLength: 8 }
)
const steps = fc.array(fc.record({
  statement: change, recursive: fc.boolean(), undone: fc.integer({ max: 7, min: 0 }).map((one) => one === 0)
}),
{ minLength: 1, maxLength: 8 })

t.test('a result that changes is never current (random queries and changes)', async (t) => {
  const { database, other, isCurrent } = clockwork(t, SCHEMA_OF_RANDOM)
  const seen = { changed: 0, kept: 0, keptByRow: 0, keptByValue: 0 }
  const attempt = async (work: () => unknown) => {
    try {
      return await work()
    } catch {
      return undefined // many a statement is not valid
    }
  }
  const ask = ([text, values]: Question) => attempt(async () => {
    const statement = bound(text, values)
    const read = async () => JSON.stringify(await database.sql.values(statement))
    return { read, ...await reading(database, read) }
  }) as Promise<{ read: () => Promise<string> } & Reading<string> | undefined>

  const changes = fc.array(change, { maxLength: 5 })
  await fc.assert(fc.asyncProperty(changes, questions, steps, async (before, questions, steps) => {
    other.exec(DATA_OF_RANDOM)
    for (const statement of before) await attempt(() => other.exec(statement))
    const answers = await Promise.all(questions.map(ask))
    for (const { statement, recursive, undone } of steps) {
      other.pragma(`recursive_triggers = ${recursive ? 'ON' : 'OFF'}`)
      other.exec('BEGIN')
      await attempt(() => other.exec(statement))
      other.exec(undone ? 'ROLLBACK' : 'COMMIT')
      for (const [i, answer] of answers.entries()) {
        if (answer === undefined) continue
        const { read, result, stamp, tags, refusal } = answer
        const current = isCurrent(stamp, ...tags)
        const now = await read()
        const changed = now !== result
        if (refusal !== undefined) throw new Error(`refused: ${refusal}`)
        if (changed && current) throw new Error(`stale: ${result}, now ${now}, known by ${tags.join()}`)
        if (undone && !current) throw new Error(`what was undone moved ${tags.join()}`)
        if (changed) seen.changed++
        else if (current) seen.kept++
        const isKept = (part: RegExp) =>
          current && tags.some((tag) => part.test(tag) && !isCurrent(stamp, tag.replace(/:.*/, '')))
        if (isKept(/:-?\d/)) seen.keptByRow++
        if (isKept(/=/)) seen.keptByValue++
        if (!current) answers[i] = await ask(questions[i]!)
      }
    }
  }), { numRuns: RUNS })
  t.comment(seen)
  for (const [what, times] of Object.entries(seen)) t.ok(times > 0, `${what}: ${times} times`)
})
