import { existsSync, globSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { type Document, documents, lineAt, ROOT } from './documents.ts'

interface Link {
  /** Where the link stands, and how it is written. */
  readonly place: string
  /** The document, folder or file, below the root of the repository. */
  readonly path: string
  readonly anchor: string | undefined
}

/** Finds the links of a document that stay in the repository. */
function findLinks ({ path, prose }: Document): Link[] {
  const text = prose.replace(/`[^`\n]*`/g, (code) => ' '.repeat(code.length))
  return Array.from(text.matchAll(/\]\(([^)\s]+)\)/g))
    .filter(([, target]) => !/^[a-z]+:/.test(target!))
    .map(({ index, 1: target }) => {
      const [file, anchor] = target!.split('#') as [string, string?]
      const place = `${path}:${lineAt(text, index)} links to ${target}`
      return { place, path: file === '' ? path : join(dirname(path), file), anchor }
    })
}

/** Names the anchor that GitHub makes of each heading. */
function findAnchors ({ prose }: Document): string[] {
  const anchors: string[] = []
  for (const [, heading] of prose.matchAll(/^#+ (.*)$/gm)) {
    const text = heading!.replace(/\[(.*?)\]\(.*?\)/g, '$1').toLowerCase()
    const anchor = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/ /g, '-')
    const earlier = anchors.filter((other) => other === anchor || other.startsWith(`${anchor}-`)).length
    anchors.push(anchors.includes(anchor) ? `${anchor}-${earlier}` : anchor)
  }
  return anchors
}

const links = documents.flatMap(findLinks)
const isCode = ({ path }: Link) => /^(src|test|bench)\//.test(path)
/** Names of files and folders in code spans and in indented lists. A name ends before a placeholder: `<file>`. */
const names = documents.flatMap(({ path, prose }) => {
  return Array.from(prose.matchAll(/(?:`|^ {4}|, )((?:src|test|bench)\/[\w./-]*)/gm), ({ index, 1: name }) => {
    return { place: `${path}:${lineAt(prose, index)} names ${name}`, path: name! }
  })
})

t.test('links between documents resolve, with their anchors', async (t) => {
  t.ok(links.length > 100)
  for (const { place, path, anchor } of links.filter((link) => !isCode(link))) {
    t.ok(existsSync(join(ROOT, path)), place)
    const target = documents.find((document) => document.path === path)
    if (anchor !== undefined) t.ok(target && findAnchors(target).includes(anchor), place)
  }
})

t.test('files and folders of the code that documents name exist', async (t) => {
  for (const { place, path } of [...links.filter(isCode), ...names]) {
    const file = join(ROOT, path)
    t.ok(existsSync(file) && (!path.endsWith('/') || statSync(file).isDirectory()), place)
  }
})

t.test('tests that the table of clauses names exist', async (t) => {
  const { prose } = documents.find(({ path }) => path === 'docs/http-caching.md')!
  const table = prose.slice(prose.indexOf('## Clause by clause'), prose.indexOf('## Left out'))
  const names = Array.from(table.matchAll(/^\|.*\|.*\|(.*)\|$/gm), ([, tests]) => tests!.match(/`[^`]+`/g) ?? []).flat()
  t.ok(names.length > 30)
  for (const name of new Set(names)) {
    t.ok(globSync(`test/page-cache/**/${name.slice(1, -1)}.test.ts`, { cwd: ROOT }).length > 0, name)
  }
})

t.test('every page below docs/ is in the index and in the README', async (t) => {
  const paths = documents.map(({ path }) => path)
  const pages = paths.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md')
  for (const from of ['README.md', 'docs/README.md']) {
    const linked = new Set(documents.filter(({ path }) => path === from).flatMap(findLinks).map(({ path }) => path))
    for (const page of pages) t.ok(linked.has(page), `${from} links to ${page}`)
  }
})

t.test('the README is short, and no line of a document is longer than 120 characters', async (t) => {
  const lines = documents[0]!.text.trimEnd().split('\n').length
  t.ok(lines >= 100 && lines <= 150, `the README has ${lines} lines`)
  for (const { path, text } of documents) {
    for (const [i, line] of text.split('\n').entries()) {
      // Tables, pictures and URLs cannot be broken.
      if (!/^(\||!\[)|:\/\//.test(line)) t.ok(line.length <= 120, `${path}:${i + 1} has ${line.length} characters`)
    }
  }
})
