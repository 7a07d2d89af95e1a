import { readFileSync } from 'node:fs'
import { Converter } from './tools/node_modules/typedoc/dist/index.js'

/*
 * How `make docs` writes the API reference: one Markdown page for each entry point of the package, without numbers of
 * lines, so that it changes only if a signature or a comment does.
 */

const { exports } = JSON.parse(readFileSync(new URL('manifest.json', import.meta.url), 'utf8'))
const entryPoints = Object.values(exports)
  .filter((entry) => typeof entry === 'object')
  .map(({ types }) => types.replace('./dist', '../src').replace('.d.ts', '.ts'))

/** Members that are listed at the interface from which they are inherited. */
function removeInherited (app) {
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    const [adapter] = project.getReflectionsByKind(-1).filter(({ name }) => name === 'CacheAdapter')
    for (const child of [...adapter.children]) if (child.inheritedFrom) project.removeReflection(child)
  })
}

/** @type {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} */
export default {
  entryPoints,
  tsconfig: '../tsconfig.json',
  plugin: ['typedoc-plugin-markdown', removeInherited],
  out: '../docs/api',
  router: 'module',
  flattenOutputFiles: true,
  readme: 'none',
  name: 'API reference',
  disableSources: true,
  excludeInternal: true,
  excludeExternals: true,
  skipErrorChecking: true,
  // Only adapters need these.
  intentionallyNotExported: [
    'LoadHandle', 'LoadOptions', 'LoadResult', 'Lookup', 'Miss', 'MissReason', 'ReadSet', 'Retry', 'StaleHit'
  ],
  sort: ['kind', 'alphabetical'],
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  tableColumnSettings: { hideModifiers: true, hideSources: true, hideInherited: true, hideOverrides: true }
}
