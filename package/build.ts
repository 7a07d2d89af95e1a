import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { decode, encode } from '@jridgewell/sourcemap-codec'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/*
 * Builds the package in artifacts/package and packs it: JavaScript without comments, the types of what applications can
 * reach, and a manifest whose dependencies are the packages that the code imports, in the versions of this repository.
 */

const root = resolve(import.meta.dirname, '..')
const folder = join(root, 'artifacts/package')
const MAX_BYTES = 1_000_000

interface Manifest {
  name: string
  version: string
  exports: Record<string, { types: string, default: string } | string>
  dependencies?: Record<string, string>
  peerDependencies: Record<string, string>
}

rmSync(folder, { recursive: true, force: true })
run('tsc', ['-p', 'package/tsconfig.json'])
run('tsc', ['-p', 'package/tsconfig.types.json'])
for (const path of listFiles(folder)) if (path.endsWith('.map')) shrinkMap(path)
const manifest = JSON.parse(readFileSync(join(root, 'package/manifest.json'), 'utf8')) as Manifest
removeUnreachableTypes(manifest)
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Required<Manifest>
manifest.dependencies = Object.fromEntries(listPackages()
  .filter((name) => !Object.hasOwn(manifest.peerDependencies, name))
  .map((name) => [name, dependencies[name] ?? fail(`package.json does not list ${name}, which the package imports.`)]))
writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, null, 2) + '\n')
copyAssets()
for (const name of ['LICENSE', 'package/README.md']) cpSync(join(root, name), join(folder, name.split('/').at(-1)!))
run('npm', ['pack', '--silent', '--pack-destination', join(root, 'artifacts')], folder)
const files = listFiles(folder)
const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0)
if (bytes > MAX_BYTES) fail(`The package has ${bytes} bytes unpacked, which is more than ${MAX_BYTES}.`)
console.log(`artifacts/${manifest.name}-${manifest.version}.tgz: ${files.length} files, ${bytes} bytes unpacked`)

function run (command: string, args: readonly string[], cwd = root): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}

function listFiles (path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/**
 * Reduces a source map to the lines, which is what stack traces need: a sixth of its size. The sources are not in the
 * package, but their paths look as if they were, and not like files of the application.
 */
function shrinkMap (path: string): void {
  const map = JSON.parse(readFileSync(path, 'utf8')) as { mappings: string, names: string[], sources: string[] }
  const mappings = encode(decode(map.mappings).map(([first]) => first === undefined ? [] : [first]))
  const sources = map.sources.map((source) => source.replace('../../', ''))
  writeFileSync(path, JSON.stringify({ ...map, sources, mappings, names: [] }))
}

/** Copies the files that the dashboard serves. Those of uPlot are copied, so that they need no installation. */
function copyAssets (): void {
  cpSync(join(root, 'src/dashboard/assets'), join(folder, 'dist/dashboard/assets'), { recursive: true })
  const uplot = dirname(fileURLToPath(import.meta.resolve('uplot/package.json')))
  for (const name of ['dist/uPlot.esm.js', 'dist/uPlot.min.css', 'LICENSE']) {
    cpSync(join(uplot, name), join(folder, 'dist/uplot', basename(name)))
  }
}

/** Removes the types that no entry point needs, directly or not. */
function removeUnreachableTypes ({ exports }: Manifest): void {
  const reached = new Set<string>()
  const visit = (path: string) => {
    if (reached.has(path)) return
    reached.add(path)
    for (const target of listImports(path)) {
      if (target.startsWith('.')) visit(resolve(dirname(path), target.replace(/\.ts$/, '.d.ts')))
    }
  }
  for (const entry of Object.values(exports)) if (typeof entry === 'object') visit(resolve(folder, entry.types))
  for (const path of listFiles(folder)) if (path.endsWith('.d.ts') && !reached.has(path)) rmSync(path)
}

/** Returns the packages that the code imports, in order of their names. */
function listPackages (): string[] {
  const targets = listFiles(folder).filter((path) => path.endsWith('.js')).flatMap(listImports)
  const packages = targets.filter((target) => !target.startsWith('.') && !target.startsWith('node:'))
    .map((target) => target.split('/').slice(0, target.startsWith('@') ? 2 : 1).join('/'))
  return [...new Set(packages)].sort()
}

/** Returns what a file imports, as it is written there. */
function listImports (path: string): string[] {
  return ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles.map(({ fileName }) => fileName)
}

function fail (message: string): never {
  throw new Error(message)
}
