import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

/** Imports a module, and prints how many imports of files with a name like NAME Node has resolved in its own way. */
const COUNT = `
import { registerHooks } from 'node:module'
const name = new RegExp(process.env.NAME)
let count = 0
registerHooks({
  resolve (specifier, context, next) {
    if (specifier.startsWith('.') && name.test(context.parentURL)) count++
    return next(specifier, context)
  }
})
if (process.env.FAST) await import(process.env.FAST)
await import(process.env.MODULE)
console.log(count)`

async function countResolved (module: string, name: string, fast: string): Promise<number> {
  const env = { ...process.env, NODE_OPTIONS: '', MODULE: module, NAME: name, FAST: fast }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', COUNT], { env })
  return Number(stdout)
}

t.test('Node need not resolve imports between files of which the names, or Drizzle, say the format', async (t) => {
  // The text after the question mark is for a process that has loaded the module already, before it counts.
  const fast = new URL('../src/fast-imports.ts?again', import.meta.url).href
  for (const [module, name] of [
    ['drizzle-orm/better-sqlite3', '/node_modules/drizzle-orm/'],
    ['typebox', '/node_modules/typebox/'],
    [new URL('../src/larder/index.ts', import.meta.url).href, '/src/']
  ] as const) {
    t.ok(await countResolved(module, name, '') > 100, module)
    t.equal(await countResolved(module, name, fast), 0, module)
  }
})
