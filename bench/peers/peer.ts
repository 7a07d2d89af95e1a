import { existsSync, readFileSync } from 'node:fs'

/**
 * Imports a package of this folder. Other caches are installed only here, so that no user installs them.
 *
 * Callers declare the types by hand, so that the type check does not need the packages.
 */
export async function peer<T> (name: string): Promise<T> {
  return await import(name) as T
}

/** Returns the installed version, if any. */
export function getVersion (name: string): string | undefined {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url)
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined
}
