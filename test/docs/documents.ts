import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The root of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** A fenced block of code in a document. */
export interface CodeBlock {
  /** Where it begins, e.g. `docs/stores.md:12`. */
  readonly place: string
  /** The first word behind the fence, e.g. `ts`. */
  readonly language: string
  /** The other words behind the fence. Readers do not see them. */
  readonly flags: readonly string[]
  readonly code: string
}

export interface Document {
  /** Below the root of the repository. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly CodeBlock[]
  /** The text without its blocks of code: each of their lines is empty, so that line numbers stay. */
  readonly prose: string
}

const BLOCK = /^```(\S*)[ \t]*(.*)\n([^]*?)^```$/gm

function readDocument (path: string): Document {
  const text = readFileSync(`${ROOT}${path}`, 'utf8')
  const blocks = Array.from(text.matchAll(BLOCK), ({ index, 1: language, 2: flags, 3: code }): CodeBlock => ({
    place: `${path}:${lineAt(text, index)}`,
    language: language!,
    flags: flags!.split(' ').filter((flag) => flag !== ''),
    code: code!
  }))
  const prose = text.replace(BLOCK, (block) => block.replace(/[^\n]/g, ''))
  return { path, text, blocks, prose }
}

/** The number of the line, from 1, in which a position of a text lies. */
export function lineAt (text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/**
 * All documents: the README, those of the package and of examples, CONTRIBUTING.md and what is below docs/, without the
 * API reference, which is generated.
 */
export const documents: readonly Document[] = [
  'README.md',
  'CONTRIBUTING.md',
  'package/README.md',
  'examples/blog/README.md',
  'examples/comparison/README.md',
  ...globSync('docs/**/*.md', { cwd: ROOT, exclude: ['docs/api/**'] }).sort()
].map(readDocument)
