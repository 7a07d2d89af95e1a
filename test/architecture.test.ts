import t from 'tap'
import { ALLOWED, isOfService, PACKAGE, resolveFolder } from './support/architecture/folders.ts'
import { findCircles, readSources } from './support/architecture/sources.ts'

/*
 * The structure of the code: which folder may import which, no import circles, and small files. A file also depends on
 * the files that declare the members of Fastify's interfaces which it uses.
 */

/** Packages that src/cache may import, so that it works in any application. */
const CORE_PACKAGES = ['@fastify/error', '@lukeed/ms', 'ioredis', 'leven', 'lru-cache']
/** Packages that the HTTP rules may import: parsers that know neither Fastify nor the cache. */
const HTTP_PACKAGES = ['structured-headers']

const MAX_LINES = 250
/** Files that are longer for a reason. */
const LONGER_FILES: Record<string, string> = {}

const sources = readSources('src')
const tests = readSources('test')

t.test('each file of src belongs to a folder of the table', async (t) => {
  t.ok(sources.length > 20)
  t.same(sources.filter(({ path }) => resolveFolder(path) === undefined).map(({ path }) => path), [])
})

t.test('folders import and use only what the table allows', async (t) => {
  t.same(sources.flatMap(({ path, imports, declarers }) => [...new Set([...imports, ...declarers])]
    .filter((target) => {
      const [from, to] = [resolveFolder(path)!, resolveFolder(target)!]
      return from !== to && !ALLOWED[from]!.includes(to)
    })
    .map((target) => `${path} uses ${target}`)), [])
})

t.test('the service imports only the entry points of the package', async (t) => {
  const files = sources.filter(({ path }) => isOfService(path))
  t.ok(files.some(({ path }) => path === 'app.ts'))
  t.same(files.flatMap(({ path, imports }) => imports
    .filter((target) => PACKAGE.includes(target.split('/')[0]!))
    .map((target) => `${path} imports ${target}`)), [])
})

t.test('src has no import circles', async (t) => {
  t.same(findCircles(sources).map((circle) => circle.join(' → ')), [])
})

t.test('the cache and the HTTP rules import only small packages', async (t) => {
  const allowed = (path: string) => path.startsWith('cache/')
    ? CORE_PACKAGES
    : path.startsWith('page-cache/http/') ? HTTP_PACKAGES : undefined
  t.same(sources.flatMap(({ path, packages }) => packages
    .filter((name) => allowed(path)?.includes(name) === false && !name.startsWith('node:'))
    .map((name) => `${path} imports ${name}`)), [])
})

t.test('only server.ts reads the environment', async (t) => {
  const readers = sources.filter(({ text }) => text.includes('process.env')).map(({ path }) => path)
  t.same(readers, ['server.ts'])
})

t.test(`files have at most ${MAX_LINES} lines`, async (t) => {
  const all = [
    ...sources.map(({ path, lines }) => ({ path: `src/${path}`, lines })),
    ...tests.map(({ path, lines }) => ({ path: `test/${path}`, lines }))
  ]
  t.ok(all.some(({ path }) => path.startsWith('test/')))
  const longer = all.filter(({ lines }) => lines > MAX_LINES).map(({ path }) => path)
  t.same(longer.filter((path) => LONGER_FILES[path] === undefined), [])
  t.same(Object.keys(LONGER_FILES).filter((path) => !longer.includes(path)), [], 'no exception is unnecessary')
})

t.test('only test files import soak.ts, because make soak runs the test files that do', async (t) => {
  const users = tests.filter(({ imports }) => imports.includes('support/soak.ts')).map(({ path }) => path)
  t.ok(users.length > 0)
  t.same(users.filter((path) => !path.endsWith('.test.ts')), [])
})
