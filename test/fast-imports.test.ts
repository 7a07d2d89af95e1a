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

// The text after the question mark is for a process that has loaded the module already.
const FAST = new URL('../src/fast-imports.ts?again', import.meta.url).href

async function run (code: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...variables }
  // By a shell, since tap adds options to each process that it sees.
  const args = ['-c', 'NODE_OPTIONS= exec "$0" --input-type=module --eval "$1"', process.execPath, code]
  const { stdout } = await promisify(execFile)('sh', args, { env })
  return stdout.trim()
}

async function countResolved (module: string, name: string, fast: string): Promise<number> {
  return Number(await run(COUNT, { MODULE: module, NAME: name, FAST: fast }))
}

t.test('Node need not resolve imports between files of which the names, or Drizzle, say the format', async (t) => {
  for (const [module, name] of [
    ['drizzle-orm/better-sqlite3', '/node_modules/drizzle-orm/'],
    ['typebox', '/node_modules/typebox/'],
    [new URL('../src/larder/index.ts', import.meta.url).href, '/src/']
  ] as const) {
    t.ok(await countResolved(module, name, '') > 100, module)
    t.equal(await countResolved(module, name, FAST), 0, module)
  }
})

t.test('an import of node:http does not load the WebSocket client of Node', async (t) => {
  const load = `await import('node:http')
    console.log(process.moduleLoadList.some((name) => name.endsWith('deps/undici/undici')))`
  t.equal(await run(load), 'true')
  t.equal(await run(`await import(${JSON.stringify(FAST)}); ${load}`), 'false')
})
