import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { testApp } from './support/app.ts'

const cwd = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(`${cwd}/README.md`, 'utf8')
const execute = promisify(execFile)
const blocks = (language: string) => Array.from(readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms')), ([, text]) => text!)

/** What differs from run to run: times, numbers, dates and validators. */
const shapeOf = (output: string) => output.trim()
  .replace(/"[\w-]{43}"/g, '"E"').replace(/\w{3}, \d\d \w{3} [\d: ]+GMT/g, 'DATE').replace(/\d+(\.\d+)?/g, 'N')

t.test('the examples run, and print what they say', async (t) => {
  for (const example of blocks('ts')) {
    const { stdout } = await execute(process.execPath, ['--input-type=module-typescript', '--eval', example], { cwd })
    const said = Array.from(example.matchAll(/^console\.log.* \/\/ (.*)$/gm), ([, line]) => line!)
    t.same(stdout.split('\n').filter((line) => said.includes(line)), said)
    t.ok(said.length > 0)
  }
})

/** Programs that the tour uses, of those that a machine may lack. */
const missing: string[] = []
for (const program of ['curl', 'sqlite3']) await execute(program, ['--version']).catch(() => missing.push(program))

t.test('the tour answers as printed', { skip: missing.includes('curl') && 'curl is not installed' }, async (t) => {
  const path = `${t.testdir()}/larder.db`
  const app = await testApp(t, { DATABASE_URL: `file:${path}` })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const block of blocks('console')) {
    if (missing.some((program) => block.includes(`$ ${program} `))) continue
    for (const step of block.split(/^\$ /m).slice(1)) {
      const [, command, printed] = /^((?:.*\\\n)*.*)\n([^]*)$/.exec(step)!
      const { stdout } = await execute('sh', ['-c', command!.replaceAll('http://127.0.0.1:3000', address).replaceAll('var/larder.db', path)])
      t.equal(shapeOf(stdout.replaceAll('\r', '')), shapeOf(printed!), command!)
    }
  }
})
