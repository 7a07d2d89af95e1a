/*
 * A process that asks for one key so many times at once when it is told to, and says in Redis what came of it.
 * Arguments: the URL of Redis, the prefix, how many times, and how many milliseconds the first load takes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache } from '../../../src/cache/index.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

/** Milliseconds of all loads but the first. */
const LATER_LOAD_MS = 20

const [url, prefix, times, firstLoadMs] = process.argv.slice(2) as [string, string, string, string]
const client = new Redis(url)
const ear = new Redis(url)
// A machine that is busy is not what is tested here.
const cache = createCache({ store: patientRedisStore({ client, prefix }) })

async function load (): Promise<number> {
  const loads = await client.rpush(`${prefix}#loads`, process.pid)
  await sleep(loads === 1 ? Number(firstLoadMs) : LATER_LOAD_MS)
  return process.pid
}

ear.on('message', async () => {
  const answers = await Promise.all(Array.from({ length: Number(times) }, () => cache.getOrSet('key', load)))
  await client.rpush(`${prefix}#answers`, ...answers)
})
await ear.subscribe(`${prefix}#go`)
await client.ping()
console.log('ready')
