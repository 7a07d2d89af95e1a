import { registerHooks } from 'node:module'
import { extname } from 'node:path'

/** The formats of files whose names say it. */
const FORMATS: Readonly<Record<string, string>> = { '.mjs': 'module', '.ts': 'module-typescript' }

/*
 * Imported before everything else. To learn the format of a file, Node looks for the package.json above it, which takes
 * a good part of the time of a start: the service loads a thousand files. For each of the hundred files of drizzle-orm,
 * it even parses a package.json of 180 kB again, and leaves 100 MB of garbage. A file that is imported by a relative
 * path needs none if its name or its package says the format.
 */
registerHooks({
  resolve (specifier, context, nextResolve) {
    const { parentURL } = context
    if (!specifier.startsWith('.') || parentURL === undefined) return nextResolve(specifier, context)
    const isOfDrizzle = parentURL.includes('/node_modules/drizzle-orm/') && specifier.endsWith('.js')
    const format = isOfDrizzle ? 'module' : FORMATS[extname(specifier)]
    if (format === undefined) return nextResolve(specifier, context)
    return { url: new URL(specifier, parentURL).href, format, shortCircuit: true }
  }
})

/*
 * To import `node:http` reads all that it exports. These three load the WebSocket client of Node, which takes 14 MB and
 * as long as a hundred files, and which nothing here uses.
 */
const http: Record<string, unknown> = process.getBuiltinModule('node:http')
for (const name of ['WebSocket', 'CloseEvent', 'MessageEvent']) delete http[name]
