import { format } from 'node:util'
import t from 'tap'
import { sharePostgres } from '../support/postgres.ts'
import { writeModules } from './modules.ts'

/*
 * Runs every `ts` block of the documents and compares what it prints with its comments: `console.log(sum) // 3`, or
 * with the comment on the line below. All run in this one process, which saves starting many.
 */

/** Finds what an example says that it prints. */
function findExpectedLines (example: string): string[] {
  return Array.from(example.matchAll(/^.*console\.log\(.*?(?: \/\/ (.*)|\n *\/\/ (.*))?$/gm), ([, behind, below]) => {
    return behind ?? below ?? '(no comment says what this prints)'
  })
}

/** Imports a module, and returns the lines that it logs while it runs. */
async function captureLog (file: string): Promise<string[]> {
  const { log } = console
  const lines: string[] = []
  console.log = (...values) => { lines.push(format(...values)) }
  try {
    await import(file)
  } catch (error) {
    lines.push(format(error))
  } finally {
    console.log = log
  }
  return lines
}

const modules = writeModules(t.testdir())

// Examples connect as these variables say.
const { host } = await sharePostgres(t)
Object.assign(process.env, { PGHOST: host, PGUSER: 'postgres', PGDATABASE: 'postgres' })

for (const document of new Set(modules.map(({ document }) => document))) {
  t.test(`the examples of ${document} print what their comments say`, async (t) => {
    for (const { place, code, file } of modules.filter((module) => module.document === document)) {
      const expected = findExpectedLines(code)
      t.ok(expected.length > 0, `${place} prints something`)
      t.same(await captureLog(file), expected, place)
    }
  })
}
