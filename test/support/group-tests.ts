import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/*
 * Groups test files for `make test`: writes a module for each group, which imports its files one after the other, and
 * prints the names of these modules. A process for each file takes half of the time of the tests just to start.
 *
 * Arguments: the folder for the modules, then the test files. Files in one folder form groups of at most sixteen.
 */
const MAX_SIZE = 16
/** A file that changes the options of its process, e.g. the time limit, forms a group of its own. */
const CHANGES_OPTIONS = /^t\.(?:jobs|setTimeout)\b/m

const [target, ...files] = process.argv.slice(2)
if (target === undefined || files.length === 0) throw new Error('Name a folder and test files.')
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })

const alone: string[][] = []
const groups: string[][] = []
const last = new Map<string, string[]>()
for (const file of files.sort()) {
  if (CHANGES_OPTIONS.test(readFileSync(file, 'utf8'))) {
    alone.push([file])
    continue
  }
  const group = last.get(dirname(file))
  if (group !== undefined && group.length < MAX_SIZE) group.push(file)
  else {
    const started = [file]
    groups.push(started)
    last.set(dirname(file), started)
  }
}

const names = new Set<string>()
// Those that are alone take longest, so they start first.
for (const group of [...alone, ...groups]) {
  const base = group.length === 1 ? group[0]!.replace(/\.test\.ts$/, '') : dirname(group[0]!)
  let name = join(target, `${relative('test', base).replaceAll('/', '-') || 'test'}.mjs`)
  for (let i = 2; names.has(name); i++) name = name.replace(/(?:\.\d+)?\.mjs$/, `.${i}.mjs`)
  names.add(name)
  const imports = group.map((file) => `import ${JSON.stringify(relative(resolve(target), resolve(file)))}\n`)
  writeFileSync(name, imports.join(''))
}
console.log([...names].join('\n'))
