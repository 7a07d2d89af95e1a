import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { testApp } from '../support/app.ts'
import { documents } from './documents.ts'

/*
 * Runs every console session of the documents with a shell, against a service of its own on a free port, and compares
 * the shape of what is printed: times, numbers, dates and validators differ from run to run. The sessions of one
 * document share a service, in the order of the document.
 */

const execute = promisify(execFile)
const ADMIN_TOKEN = 'secret'

/** Programs that sessions use and a machine may lack. */
const missing: string[] = []
for (const program of ['curl', 'sqlite3']) await execute(program, ['--version']).catch(() => missing.push(program))

/** A command of a session, with the lines that continue it, and what it prints. */
const STEP = /^((?:.*\\\n)*.*)\n([^]*)$/

function normalize (output: string): string {
  return output.replaceAll('\r', '').trim()
    .replace(/"[\w-]{43}"/g, '"E"')
    .replace(/\w{3}, \d\d \w{3} [\d: ]+GMT/g, 'DATE')
    .replace(/\d+(\.\d+)?/g, 'N')
}

for (const { path, blocks } of documents) {
  const sessions = blocks.filter(({ language }) => language === 'console')
  if (sessions.length === 0) continue
  t.test(`the sessions of ${path} print what they show`, async (t) => {
    const database = `${t.testdir()}/larder.db`
    const app = await testApp(t, { DATABASE_URL: `file:${database}`, ADMIN_TOKEN })
    const address = await app.listen({ host: '127.0.0.1', port: 0 })
    for (const { place, code } of sessions) {
      const lacks = missing.find((program) => new RegExp(`\\b${program} `).test(code))
      await t.test(place, { skip: lacks !== undefined && `${lacks} is not installed` }, async (t) => {
        for (const step of code.split(/^\$ /m).slice(1)) {
          const [, shown, printed] = STEP.exec(step)!
          const command = shown!.replaceAll('http://127.0.0.1:3000', address).replaceAll('var/larder.db', database)
          const { stdout } = await execute('sh', ['-c', command], { env: { ...process.env, ADMIN_TOKEN } })
            .catch((error: { stdout: string, stderr: string }) => ({ stdout: error.stdout + error.stderr }))
          t.equal(normalize(stdout), normalize(printed!), `${place}: ${shown}`)
        }
      })
    }
  })
}
