import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

/**
 * Rooms that a room may import from, see the README: server → app → features → plugins, page-cache, db → cache.
 * `config` is a type, and `errors` are words, for all above the cache.
 */
const MAY_IMPORT: Record<string, string[]> = {
  cache: [],
  'page-cache': ['cache'],
  errors: [],
  config: ['errors'],
  clock: ['cache'],
  db: ['cache', 'clock', 'errors'],
  plugins: ['db', 'errors'],
  hooks: ['errors'],
  routes: ['db', 'errors'],
  products: ['cache', 'db', 'errors', 'hooks', 'plugins'],
  apicalls: ['errors', 'page-cache'],
  dashboard: ['cache', 'errors', 'hooks', 'page-cache', 'plugins'],
  app: ['apicalls', 'cache', 'config', 'dashboard', 'db', 'page-cache', 'plugins', 'products', 'routes'],
  server: ['app', 'config', 'db', 'errors']
}

/** Packages that the core may use, so that it fits into any application. */
const CORE_PACKAGES = ['@msgpack/msgpack', 'ioredis', 'lru-cache']

const src = fileURLToPath(new URL('../src', import.meta.url))
const files = globSync('**/*.ts', { cwd: src })

/** What a file imports, types included: paths below src, or names of packages. */
function importsOf (file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(src, file), 'utf8'))
  return importedFiles.map(({ fileName }) => fileName.startsWith('.') ? relative(src, join(src, dirname(file), fileName)) : fileName)
}

const roomOf = (path: string) => path.split('/')[0]!.replace(/\.ts$/, '')

t.test('every file has a room', async (t) => {
  t.ok(files.length > 20)
  for (const file of files) t.ok(roomOf(file) in MAY_IMPORT, file)
})

t.test('imports go one way', async (t) => {
  for (const file of files) {
    const room = roomOf(file)
    for (const path of importsOf(file).filter((name) => name.endsWith('.ts'))) {
      const target = roomOf(path)
      t.ok(target === room || MAY_IMPORT[room]!.includes(target), `${file} may import ${path}`)
    }
  }
})

t.test('the core fits anywhere', async (t) => {
  for (const file of files.filter((file) => roomOf(file) === 'cache')) {
    for (const name of importsOf(file)) {
      t.ok(name.endsWith('.ts') || name.startsWith('node:') || CORE_PACKAGES.includes(name), `${file} imports ${name}`)
    }
  }
})

t.test('only the process reads its environment', async (t) => {
  for (const file of files) {
    t.equal(readFileSync(join(src, file), 'utf8').includes('process.env'), file === 'server.ts', file)
  }
})
