import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)

/** Imports Drizzle in a new process, and returns its resident memory in bytes. */
async function measureMemory (...args: string[]): Promise<number> {
  const code = "await import('drizzle-orm/better-sqlite3'); console.log(process.memoryUsage.rss())"
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { stdout } = await run(process.execPath, [...args, '--input-type=module', '--eval', code], { env })
  return Number(stdout)
}

t.test('an import of Drizzle leaves little garbage', async (t) => {
  const usual = await measureMemory()
  const fast = await measureMemory('--import', new URL('../src/fast-imports.ts', import.meta.url).href)
  t.ok(fast < 0.7 * usual, `${fast} of ${usual} bytes`)
})
