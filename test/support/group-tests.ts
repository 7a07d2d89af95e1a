import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/*
 * Groups test files for `make test`: writes a module for each group, which imports its files one after the other, and
 * prints the names of these modules. A process for each file takes half of the time of the tests just to start.
 *
 * Arguments: the folder for the modules, then the test files. The files of a folder are in one group, if it has room.
 */
const MAX_SIZE = 20
/** A file that changes the options of its process, e.g. the time limit, forms a group of its own. */
const CHANGES_OPTIONS = /^t\.(?:jobs|setTimeout)\b/m

const [target, ...files] = process.argv.slice(2)
if (target === undefined || files.length === 0) throw new Error('Name a folder and test files.')
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })

const alone: string[][] = []
const folders = new Map<string, string[]>()
for (const file of files.sort()) {
  if (CHANGES_OPTIONS.test(readFileSync(file, 'utf8'))) alone.push([file])
  else folders.set(dirname(file), [...folders.get(dirname(file)) ?? [], file])
}

const groups: string[][] = []
for (const [, files] of [...folders].sort()) {
  const last = groups.at(-1)
  if (last !== undefined && last.length + files.length <= MAX_SIZE) last.push(...files)
  else while (files.length > 0) groups.push(files.splice(0, MAX_SIZE))
}

const names = new Set<string>()
// Those that are alone take longest, so they start first.
for (const group of [...alone, ...groups]) {
  const [first, last] = [dirname(group[0]!), dirname(group.at(-1)!)].map((folder) => formatName(folder))
  const base = group.length === 1 ? formatName(group[0]!.replace(/\.test\.ts$/, '')) : first
  let name = join(target, first === last ? `${base}.mjs` : `${first}.to.${last}.mjs`)
  for (let i = 2; names.has(name); i++) name = name.replace(/(?:\.\d+)?\.mjs$/, `.${i}.mjs`)
  names.add(name)
  const imports = group.map((file) => `import ${JSON.stringify(relative(resolve(target), resolve(file)))}\n`)
  writeFileSync(name, imports.join(''))
}
console.log([...names].join('\n'))

function formatName (path: string): string {
  return relative('test', path).replaceAll('/', '-') || 'test'
}
