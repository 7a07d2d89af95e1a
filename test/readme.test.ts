import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { testApp } from './support/app.ts'

const cwd = fileURLToPath(new URL('..', import.meta.url))
const execute = promisify(execFile)

function blocks (document: string, language: string): string[] {
  const text = readFileSync(`${cwd}/${document}`, 'utf8')
  return Array.from(text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')), ([, block]) => block!)
}

/** One program of all the examples, which saves starting many: each goes on from a start of its own. */
function together (start: string, examples: string[]): string {
  const imports = new Set([start, ...examples].flatMap((block) => block.match(/^import .*$/gm) ?? []))
  const parts = examples.map((example) => `{\n${start}\n${example}}`.replace(/^import .*$/gm, ''))
  return [...imports, ...parts].join('\n')
}

/** What differs from run to run: times, numbers, dates and validators. */
const shapeOf = (output: string) => output.trim()
  .replace(/"[\w-]{43}"/g, '"E"').replace(/\w{3}, \d\d \w{3} [\d: ]+GMT/g, 'DATE').replace(/\d+(\.\d+)?/g, 'N')

async function runs (t: Test, program: string, said: string[]) {
  const { stdout } = await execute(process.execPath, ['--input-type=module-typescript', '--eval', program], { cwd })
  t.same(stdout.split('\n').filter((line) => said.includes(line)), said)
}

function saidBy (t: Test, example: string): string[] {
  const said = Array.from(example.matchAll(/^console\.log.* \/\/ (.*)$/gm), ([, line]) => line!)
  t.ok(said.length > 0, example)
  return said
}

t.test('the examples run, and print what they say', async (t) => {
  for (const example of blocks('README.md', 'ts')) await runs(t, example, saidBy(t, example))
})

t.test('so do those for people who come from Django, each behind the first lines of the page', async (t) => {
  const [start, ...examples] = blocks('docs/django.md', 'ts')
  await runs(t, together(start!, examples), examples.flatMap((example) => saidBy(t, example)))
})

/** Programs that the tour uses, of those that a machine may lack. */
const missing: string[] = []
for (const program of ['curl', 'sqlite3']) await execute(program, ['--version']).catch(() => missing.push(program))

t.test('the tour answers as printed', { skip: missing.includes('curl') && 'curl is not installed' }, async (t) => {
  const path = `${t.testdir()}/larder.db`
  const app = await testApp(t, { DATABASE_URL: `file:${path}` })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const block of blocks('README.md', 'console')) {
    if (missing.some((program) => block.includes(`$ ${program} `))) continue
    for (const step of block.split(/^\$ /m).slice(1)) {
      const [, command, printed] = /^((?:.*\\\n)*.*)\n([^]*)$/.exec(step)!
      const { stdout } = await execute('sh', ['-c', command!.replaceAll('http://127.0.0.1:3000', address).replaceAll('var/larder.db', path)])
      t.equal(shapeOf(stdout.replaceAll('\r', '')), shapeOf(printed!), command!)
    }
  }
})
