import { existsSync, readFileSync } from 'node:fs'

/**
 * The caches of others are packages of this folder alone, so that no user installs them. Their types are told by hand
 * where they are used: neither the compiler nor the linter needs them.
 */
export async function peer<T> (name: string): Promise<T> {
  return await import(name) as T
}

/** The version that is installed here, if any. */
export function versionOf (name: string): string | undefined {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url)
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined
}
