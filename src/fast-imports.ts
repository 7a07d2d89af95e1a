import { registerHooks } from 'node:module'

/*
 * Imported before everything else. For each of the hundred files of drizzle-orm, Node parses its package.json of 180 kB
 * again, which takes half of the time of a start and leaves 100 MB of garbage. The files that these files import need
 * no package.json.
 */
registerHooks({
  resolve (specifier, context, nextResolve) {
    const isRelative = specifier.startsWith('.') && specifier.endsWith('.js')
    const isOfDrizzle = context.parentURL?.includes('/node_modules/drizzle-orm/') === true
    if (!isRelative || !isOfDrizzle) return nextResolve(specifier, context)
    return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true }
  }
})
