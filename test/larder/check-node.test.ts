import t from 'tap'
import ts from 'typescript'
import { checkNode } from '../../src/larder/check-node.ts'
import { readSources, type SourceFile } from '../support/architecture/sources.ts'

/*
 * All imports are linked before the first file runs, so a name that an old Node lacks would fail with a SyntaxError
 * before the version is checked. The code reads newer members from the default export, e.g. `crypto.hash`.
 */

const ENTRY_POINTS = ['index', 'dashboard', 'metrics', 'redis', 'sqlite'].map((name) => `larder/${name}.ts`)

/** What the package imports by name. Node 20.0 exports all of this. */
const OLD_NAMES: Record<string, string[]> = {
  'node:async_hooks': ['AsyncLocalStorage'],
  'node:buffer': ['isAscii'],
  'node:crypto': ['createHash', 'randomBytes', 'randomInt', 'randomUUID'],
  'node:diagnostics_channel': ['channel', 'subscribe', 'unsubscribe'],
  'node:fs': ['closeSync', 'fstatSync', 'openSync', 'readSync', 'statSync'],
  'node:fs/promises': ['readFile'],
  'node:http': ['IncomingMessage', 'STATUS_CODES', 'ServerResponse'],
  'node:module': ['createRequire', 'syncBuiltinESMExports'],
  'node:net': ['BlockList', 'isIPv6'],
  'node:perf_hooks': ['monitorEventLoopDelay', 'performance'],
  'node:stream': ['Readable', 'Transform', 'pipeline'],
  'node:timers': ['setImmediate'],
  'node:timers/promises': ['setTimeout'],
  'node:util': ['inspect', 'isDeepStrictEqual', 'types'],
  'node:v8': ['Deserializer', 'Serializer']
}

t.test('a version of Node that is too old fails the import with one sentence', async (t) => {
  for (const version of ['22.12.0', '22.19.1', '24.0.0']) t.doesNotThrow(() => checkNode(version))
  for (const version of ['18.20.4', '20.20.2', '22.11.0']) {
    t.throws(() => checkNode(version), {
      message: `fastify-larder needs Node.js 22.12 or newer, but this is ${version}.`
    })
  }
})

t.test('the package imports by name only what old versions of Node export, so that the check runs', async (t) => {
  const found: Record<string, Set<string>> = {}
  for (const { text } of findReachable(readSources('src'), ENTRY_POINTS)) {
    for (const [module, name] of listNodeImports(text)) (found[module] ??= new Set()).add(name)
  }
  t.same(Object.fromEntries(Object.entries(found).map(([module, names]) => [module, [...names].sort()])), OLD_NAMES)
})

t.test('each entry point checks the version before it runs anything else', async (t) => {
  for (const { path, text } of readSources('src').filter(({ path }) => ENTRY_POINTS.includes(path))) {
    t.match(ts.preProcessFile(text).importedFiles[0], { fileName: './check-node.ts' }, path)
  }
})

/** Finds the files that others import, directly or not, and these themselves. */
function findReachable (sources: SourceFile[], paths: string[]): SourceFile[] {
  const reached = new Set(paths)
  for (const path of reached) {
    for (const target of sources.find((source) => source.path === path)!.imports) reached.add(target)
  }
  return sources.filter(({ path }) => reached.has(path))
}

/** Lists what a file imports by name from modules of Node, other than types. */
function * listNodeImports (text: string): Generator<[module: string, name: string]> {
  for (const statement of ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest).statements) {
    if (!ts.isImportDeclaration(statement) || statement.importClause?.isTypeOnly === true) continue
    const { text: module } = statement.moduleSpecifier as ts.StringLiteral
    const bindings = statement.importClause?.namedBindings
    if (!module.startsWith('node:') || bindings === undefined || !ts.isNamedImports(bindings)) continue
    for (const { isTypeOnly, name, propertyName } of bindings.elements) {
      if (!isTypeOnly) yield [module, (propertyName ?? name).text]
    }
  }
}
