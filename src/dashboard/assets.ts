import crypto from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** A file that the page loads. */
interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly etag: string
}

const SCRIPT = 'text/javascript; charset=utf-8'
const STYLESHEET = 'text/css; charset=utf-8'

/** The files that the page loads, with their types. Those of uPlot are in its package, or in a copy in ours. */
const FILES: Readonly<Record<string, readonly [type: string, url: () => URL]>> = {
  'dashboard.css': [STYLESHEET, own('dashboard.css')],
  'dashboard.js': [SCRIPT, own('dashboard.js')],
  'element.js': [SCRIPT, own('element.js')],
  'icon.svg': ['image/svg+xml', own('icon.svg')],
  'morph.js': [SCRIPT, own('morph.js')],
  'plot.js': [SCRIPT, own('plot.js')],
  'plots.js': [SCRIPT, own('plots.js')],
  'vendor/uPlot.esm.js': [SCRIPT, vendor('uPlot.esm.js')],
  'vendor/uPlot.min.css': [STYLESHEET, vendor('uPlot.min.css')]
}

export const ASSET_NAMES: readonly string[] = Object.keys(FILES)

/** Reads a file at its first request. All dashboards of a process share what has been read. */
export const readAsset = memoize(read)

/** Returns a function that calls `read` once for each name, and again only if it has failed. */
export function memoize<T> (read: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const results = new Map<string, Promise<T>>()
  return (name) => {
    const result = results.get(name) ?? read(name)
    results.set(name, result)
    result.catch(() => results.delete(name))
    return result
  }
}

async function read (name: string): Promise<Asset> {
  const [type, url] = FILES[name]!
  const body = await readFile(url())
  return { type, body, etag: `"${crypto.hash('sha256', body, 'base64url')}"` }
}

function own (name: string): () => URL {
  return () => new URL(`./assets/${name}`, import.meta.url)
}

function vendor (name: string): () => URL {
  return () => new URL(import.meta.resolve(`#uplot/${name}`))
}
