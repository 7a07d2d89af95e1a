import { writeFileSync } from 'node:fs'
import { type CodeBlock, documents, ROOT } from './documents.ts'

/** A `ts` block of a document as a module that can be run. */
export interface ExampleModule extends CodeBlock {
  /** The document that it is in. */
  readonly document: string
  /** The file of the module. */
  readonly file: string
}

const IMPORT = /^import (?:[^']|\n)*?'[^']+'$/gm

/**
 * Makes one module of a set-up and an example: imports first and once, the rest of the example in a block. The package
 * is taken from this repository.
 */
function buildModule (setup: string, example: string): string {
  const imports = new Set([...setup.matchAll(IMPORT), ...example.matchAll(IMPORT)].map(([statement]) => statement))
  const body = `${setup.replace(IMPORT, '')}\n{\n${example.replace(IMPORT, '')}\n}`
  return [...imports, body, 'export {}'].join('\n')
    .replaceAll("from './src/", `from '${ROOT}src/`)
    .replaceAll(/from 'fastify-larder(?:\/(\w+))?'/g, (_, entry = 'index') => `from '${ROOT}src/larder/${entry}.ts'`)
}

/**
 * Writes a module for each `ts` block of the documents. A block marked `ts setup` gets none: its lines are put in front
 * of all later blocks of its document.
 *
 * @param folder below the root of the repository, so that packages are found
 */
export function writeModules (folder: string): ExampleModule[] {
  return documents.flatMap(({ path: document, blocks }) => {
    let setup = ''
    return blocks.filter(({ language }) => language === 'ts').flatMap((block) => {
      if (block.flags.includes('setup')) setup = block.code
      if (block.flags.includes('setup')) return []
      const file = `${folder}/${block.place.replace(/\W/g, '-')}.ts`
      writeFileSync(file, buildModule(setup, block.code))
      return [{ ...block, document, file }]
    })
  })
}
