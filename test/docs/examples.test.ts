import { writeFileSync } from 'node:fs'
import { format } from 'node:util'
import t, { type Test } from 'tap'
import { type CodeBlock, documents, ROOT } from './documents.ts'

/*
 * Runs every `ts` block of the documents, each as a module of its own, and compares what it prints with its comments:
 * `console.log(sum) // 3`, or with the comment on the line below. A block marked `ts setup` is not run by itself: its
 * lines are put in front of all later blocks of its document.
 */

const IMPORT = /^import (?:[^']|\n)*?'[^']+'$/gm

/** Makes one module of a set-up and an example: imports once and first, the rest of the example in a block of its own. */
function buildModule (setup: string, example: string): string {
  const imports = new Set([...setup.matchAll(IMPORT), ...example.matchAll(IMPORT)].map(([statement]) => statement))
  const body = `${setup.replace(IMPORT, '')}\n{\n${example.replace(IMPORT, '')}\n}`
  return [...imports, body].join('\n').replaceAll("from './src/", `from '${ROOT}src/`)
}

/** Finds what an example says that it prints. */
function findExpectedLines (example: string): string[] {
  return Array.from(example.matchAll(/^.*console\.log\(.*?(?: \/\/ (.*)|\n *\/\/ (.*))?$/gm), ([, behind, below]) => {
    return behind ?? below ?? '(no comment says what this prints)'
  })
}

/** Imports a module, and returns the lines that it logs while it runs. */
async function captureLog (path: string): Promise<string[]> {
  const { log } = console
  const lines: string[] = []
  console.log = (...values) => { lines.push(format(...values)) }
  try {
    await import(path)
  } catch (error) {
    lines.push(format(error))
  } finally {
    console.log = log
  }
  return lines
}

async function runExample (t: Test, folder: string, setup: string, { place, code }: CodeBlock) {
  const expected = findExpectedLines(code)
  t.ok(expected.length > 0, `${place} prints something`)
  const path = `${folder}/${place.replace(/\W/g, '-')}.ts`
  writeFileSync(path, buildModule(setup, code))
  t.same(await captureLog(path), expected, `${place} prints what its comments say`)
}

for (const { path, blocks } of documents) {
  const examples = blocks.filter(({ language }) => language === 'ts')
  if (examples.length === 0) continue
  t.test(`the examples of ${path} run`, async (t) => {
    const folder = t.testdir()
    let setup = ''
    for (const example of examples) {
      if (example.flags.includes('setup')) setup = example.code
      else await runExample(t, folder, setup, example)
    }
  })
}
