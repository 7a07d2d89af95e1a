import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Collects garbage, and returns the bytes that are still in use. */
export async function heapUsed (): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise(setImmediate)
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** As `heapUsed`, with the memory of buffers. */
export async function memoryUsed (): Promise<number> {
  const heap = await heapUsed()
  return heap + process.memoryUsage().external
}
