import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** A file and what it depends on. */
export interface SourceFile {
  /** Relative to the folder that was read. */
  path: string
  text: string
  lines: number
  /** Files of the folder that it imports, types included. */
  imports: string[]
  /** Names of packages, and `node:` modules. */
  packages: string[]
  /** Files of the folder that declare members of Fastify's interfaces which this file uses. */
  declarers: string[]
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Reads all TypeScript files of a folder. */
export function readSources (folder: string): SourceFile[] {
  const cwd = join(root, folder)
  const parsed = globSync('**/*.ts', { cwd }).sort().map((path) => {
    const text = readFileSync(join(cwd, path), 'utf8')
    return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) }
  })
  const members = new Map<string, string>()
  for (const { path, tree } of parsed) for (const name of declaredMembers(tree)) members.set(name, path)

  return parsed.map(({ path, text, tree }) => {
    const names = ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName)
    const files = names.filter((name) => name.startsWith('.')).map((name) => join(dirname(path), name))
    const declarers = [...usedMembers(tree)].map((name) => members.get(name)).filter((file) => file !== undefined)
    return {
      path,
      text,
      lines: text.split('\n').length - 1,
      imports: files.map((file) => relative(cwd, join(cwd, file))),
      packages: names.filter((name) => !name.startsWith('.')),
      declarers: [...new Set(declarers)].filter((file) => file !== path)
    }
  })
}

/** Names that a file adds to Fastify's interfaces by `declare module 'fastify'`. */
function declaredMembers (tree: ts.SourceFile): string[] {
  return tree.statements.filter(ts.isModuleDeclaration)
    .filter(({ name, body }) => name.text === 'fastify' && body !== undefined)
    .flatMap(({ body }) => (body as ts.ModuleBlock).statements.filter(ts.isInterfaceDeclaration))
    .flatMap(({ members }) => members.map(({ name }) => name))
    .filter((name) => name !== undefined && ts.isIdentifier(name))
    .map((name) => (name as ts.Identifier).text)
}

/** Names of members that a file reads, by `x.name` or by destructuring. */
function usedMembers (tree: ts.SourceFile): Set<string> {
  const names = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) names.add(node.name.text)
    else if (ts.isBindingElement(node)) names.add((node.propertyName ?? node.name).getText())
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return names
}

/** Finds circles of imports and of declared members. Returns each one as the paths of its files. */
export function findCircles (sources: SourceFile[]): string[][] {
  const dependencies = new Map(sources.map(({ path, imports, declarers }) => [path, [...imports, ...declarers]]))
  const finished = new Set<string>()
  const circles: string[][] = []
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path])
      return
    }
    if (finished.has(path)) return
    for (const next of dependencies.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const path of dependencies.keys()) visit(path, [])
  return circles
}
