// node test/page-cache/conformance/report.ts [--id ID] [--dump] [--suite FOLDER] [--real]
import { parseArgs } from 'node:util'
import { selectIds, collectResults, VERDICTS } from './results.ts'
import { run, type Trace } from './run.ts'
import { type Definition, type Kind, loadSuite } from './suite.ts'
import { fakeTime, realTime } from './time.ts'

const { values: options } = parseArgs({
  options: {
    id: { type: 'string', multiple: true },
    dump: { type: 'boolean' },
    suite: { type: 'string' },
    real: { type: 'boolean' }
  }
})
const KINDS: Kind[] = ['required', 'optimal', 'check']

const all = await loadSuite(options.suite)
const chosen = options.id === undefined ? all : withDependencies(options.id)
const results = collectResults(
  all, await run(chosen, options.real ? realTime() : fakeTime(), options.dump ? dump : undefined)
)

console.table(Object.fromEntries(KINDS.map((kind) => [
  kind, Object.fromEntries(VERDICTS.map((verdict) => [verdict, selectIds(results, kind, verdict).length]))
])))
for (const kind of KINDS) {
  for (const verdict of VERDICTS) {
    const some = results.filter((result) => result.test.kind === kind && result.verdict === verdict)
    if (some.length === 0) continue
    console.log(`\n${kind}: ${verdict} (${some.length})`)
    for (const { test, message = '' } of some) console.log(`  ${test.id.padEnd(60)} ${message}`)
  }
}

function withDependencies (ids: string[]): Definition[] {
  const wanted = new Set(ids)
  for (const id of wanted) {
    const test = all.find((test) => test.id === id)
    if (test === undefined) throw new Error(`There is no test ${id}.`)
    test.depends_on.forEach((id) => wanted.add(id))
  }
  return all.filter(({ id }) => wanted.has(id))
}

function dump (test: Definition, { answers, seen }: Trace): void {
  if (options.id !== undefined && !options.id.includes(test.id)) return
  console.log(`\n=== ${test.id}: ${test.name}`)
  for (const [i, step] of test.requests.entries()) {
    console.dir({
      step: i + 1, defined: step, origin: seen.filter(({ number }) => number === i + 1), answer: answers[i]
    }, { depth: null })
  }
}
