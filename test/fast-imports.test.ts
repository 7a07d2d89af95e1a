import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'

/** Modules, and names of files that import each other there. */
const MODULES = {
  'drizzle-orm/better-sqlite3': '/node_modules/drizzle-orm/',
  typebox: '/node_modules/typebox/',
  [new URL('../src/larder/index.ts', import.meta.url).href]: '/src/'
}

/** Imports the modules, and prints how many imports of files with such a name Node has resolved in its own way. */
const COUNT = `
import { registerHooks } from 'node:module'
const names = Object.values(${JSON.stringify(MODULES)})
const counts = names.map(() => 0)
registerHooks({
  resolve (specifier, context, next) {
    if (specifier.startsWith('.')) for (const i in names) if (context.parentURL.includes(names[i])) counts[i]++
    return next(specifier, context)
  }
})
if (process.env.FAST) await import(process.env.FAST)
for (const module in ${JSON.stringify(MODULES)}) await import(module)
console.log(counts.join())`

// The text after the question mark is for a process that has loaded the module already.
const FAST = new URL('../src/fast-imports.ts?again', import.meta.url).href

async function run (code: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...variables }
  // By a shell, since tap adds options to each process that it sees.
  const args = ['-c', 'NODE_OPTIONS= exec "$0" --input-type=module --eval "$1"', process.execPath, code]
  const { stdout } = await promisify(execFile)('sh', args, { env })
  return stdout.trim()
}

async function countResolved (fast: string): Promise<number[]> {
  return (await run(COUNT, { FAST: fast })).split(',').map(Number)
}

t.test('Node need not resolve imports between files of which the names, or Drizzle, say the format', async (t) => {
  const slow = await countResolved('')
  t.ok(slow.length === 3 && slow.every((count) => count > 100), slow.join())
  t.same(await countResolved(FAST), [0, 0, 0])
})

t.test('an import of node:http does not load the WebSocket client of Node', async (t) => {
  const load = `await import('node:http')
    console.log(process.moduleLoadList.some((name) => name.endsWith('deps/undici/undici')))`
  t.equal(await run(load), 'true')
  t.equal(await run(`await import(${JSON.stringify(FAST)}); ${load}`), 'false')
})
