import { once } from 'node:events'
import { enableCompileCache, getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startThread } from '../src/start-thread.ts'

t.test('a thread runs a module, with the compiled modules of the process if it keeps them', async (t) => {
  const folder = t.testdir({
    'thread.ts': `import { getCompileCacheDir } from 'node:module'
      import { parentPort, workerData } from 'node:worker_threads'
      parentPort!.postMessage([workerData as string, getCompileCacheDir()])`
  })
  const run = async (data: string) => {
    const [message] = await once(startThread(pathToFileURL(`${folder}/thread.ts`), { workerData: data }), 'message')
    return message
  }
  if (getCompileCacheDir() === undefined) {
    const [data, cache] = await run('a')
    t.equal(data, 'a')
    t.equal(cache ?? undefined, undefined)
  }
  enableCompileCache(`${folder}/cache`)
  const own = getCompileCacheDir()
  if (own === undefined) return t.comment('Node keeps no compiled modules while it measures coverage')
  const [data, cache] = await run('b')
  t.equal(data, 'b')
  t.equal(dirname(cache), dirname(own))
})

t.test('a module that fails ends the thread with its error', async (t) => {
  const thread = startThread(pathToFileURL(`${t.testdir()}/missing.ts`), {})
  await t.rejects(once(thread, 'message'), { code: 'ERR_MODULE_NOT_FOUND' })
})
