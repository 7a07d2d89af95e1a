import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/**
 * Starts a thread that runs a module of this project, with the compiled modules of this process. Without them, each
 * thread would load a compiler for TypeScript, which takes longer than everything else, and twice the memory.
 */
export function startThread (module: URL, options: Omit<WorkerOptions, 'eval' | 'execArgv'>): Worker {
  const cache = findCompileCache()
  const enableCache = cache === undefined ? '' : `require('node:module').enableCompileCache(${JSON.stringify(cache)})`
  return new Worker(`${enableCache}\nimport(${JSON.stringify(module)})`, { ...options, eval: true, execArgv: [] })
}

/** Returns the folder of compiled modules, if there is one. Node adds a folder for its version to that which it got. */
function findCompileCache (): string | undefined {
  const folder = getCompileCacheDir()
  return folder === undefined ? undefined : dirname(folder)
}
