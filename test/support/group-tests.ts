import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/*
 * Groups test files for `make test`: writes a module for each group, which imports its files one after the other, and
 * prints the names of these modules, those that take longest first. A process for each file takes half of the time of
 * the tests just to start.
 *
 * Arguments: the folder for the modules, then the test files. The files of a folder are in one group, if it has room.
 */
const MAX_SIZE = 40
/** A file that changes its process, e.g. the time limit of all tests or the time, forms a group of its own. */
const CHANGES_PROCESS = /^t\.(?:jobs|setTimeout)\b|^\s*Date\.now = /m
/** A file that starts servers, databases or the service takes longer than most. */
const IS_LONG = /postgres|sqlite|redis|spawn|testApp/i

const [target, ...files] = process.argv.slice(2)
if (target === undefined || files.length === 0) throw new Error('Name a folder and test files.')
rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })

const alone: string[][] = []
const folders = new Map<string, string[]>()
const long = new Set<string>()
for (const file of files.sort()) {
  const text = readFileSync(file, 'utf8')
  if (IS_LONG.test(text)) long.add(file)
  if (CHANGES_PROCESS.test(text)) alone.push([file])
  else folders.set(dirname(file), [...folders.get(dirname(file)) ?? [], file])
}

const groups: string[][] = []
for (const [, files] of [...folders].sort()) {
  const last = groups.at(-1)
  if (last !== undefined && last.length + files.length <= MAX_SIZE) last.push(...files)
  else while (files.length > 0) groups.push(files.splice(0, MAX_SIZE))
}
const countLong = (group: string[]) => group.filter((file) => long.has(file)).length
groups.sort((a, b) => countLong(b) - countLong(a))

const width = String(groups.length + alone.length).length
const names = [...groups, ...alone].map((group, i) => {
  const [first, last] = [dirname(group[0]!), dirname(group.at(-1)!)].map((folder) => formatName(folder))
  const base = group.length === 1 ? formatName(group[0]!.replace(/\.test\.ts$/, '')) : first
  // tap runs them in the order of their names.
  const number = String(i + 1).padStart(width, '0')
  const name = join(target, `${number}.${first === last ? base : `${first}.to.${last}`}.mjs`)
  const imports = group.map((file) => `import ${JSON.stringify(relative(resolve(target), resolve(file)))}\n`)
  writeFileSync(name, imports.join(''))
  return name
})
console.log(names.join('\n'))

function formatName (path: string): string {
  return relative('test', path).replaceAll('/', '-') || 'test'
}
