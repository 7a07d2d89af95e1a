import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

/** Imports Drizzle, and prints how many of its files Node has resolved in its own way. */
const COUNT = `
import { registerHooks } from 'node:module'
let count = 0
registerHooks({
  resolve (specifier, context, next) {
    if (context.parentURL?.includes('/node_modules/drizzle-orm/')) count++
    return next(specifier, context)
  }
})
if (process.env.FAST) await import(process.env.FAST)
const { drizzle } = await import('drizzle-orm/better-sqlite3')
console.log(count, typeof drizzle)`

async function importDrizzle (fast: string): Promise<{ count: number, type: string }> {
  const env = { ...process.env, NODE_OPTIONS: '', FAST: fast }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', COUNT], { env })
  const [count, type] = stdout.trim().split(' ')
  return { count: Number(count), type: type! }
}

t.test('Node need not resolve what the files of Drizzle import from each other', async (t) => {
  t.ok((await importDrizzle('')).count > 100)
  // The text after the question mark is for a process that has loaded the module already, before it counts.
  const { count, type } = await importDrizzle(new URL('../src/fast-imports.ts?again', import.meta.url).href)
  t.ok(count < 10, `${count} files`) // they are other packages
  t.equal(type, 'function')
})
