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

t.test('the example of an app of one\'s own runs, and prints what it says', async (t) => {
  const [example] = blocks('ts')
  const { stdout } = await execute(process.execPath, ['--input-type=module-typescript', '--eval', example!], { cwd })
  t.same(stdout.trim().split('\n').slice(1), Array.from(example!.matchAll(/\/\/ (larder; .*)$/gm), ([, line]) => line))
})

const curl = await execute('curl', ['--version']).catch(() => undefined)

t.test('the tour answers as printed', { skip: curl === undefined && 'curl is not installed' }, async (t) => {
  const app = await testApp(t)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const block of blocks('console')) {
    for (const step of block.split(/^\$ /m).slice(1)) {
      const [, command, printed] = /^((?:.*\\\n)*.*)\n([^]*)$/.exec(step)!
      const { stdout } = await execute('sh', ['-c', command!.replaceAll('http://127.0.0.1:3000', address)])
      t.equal(shapeOf(stdout.replaceAll('\r', '')), shapeOf(printed!), command!)
    }
  }
})
