import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getVersion } from '../peers/peer.ts'
import { folder, newFile } from '../support/files.ts'
import { type Server, startMeasured, stop } from '../support/process.ts'
import type { OwnRedis } from '../support/redis.ts'
import { CONTENDERS, type Contender, getKey, PEERS, type Program } from './list.ts'
import { fetchSent } from './sent.ts'

/** Products on the list: as many as one page shows. */
const PRODUCTS = 100

export interface Started {
  /** By the key of a contender. Peers that are not installed have none. */
  servers: Map<string, Server>
  stop: () => Promise<void>
}

/** Starts the programs of all contenders. Each one that uses Redis has its own database there. */
export async function startAll (redis: OwnRedis): Promise<Started> {
  const file = await newFile('contenders', PRODUCTS)
  const running = new Map<string, Server>()
  let database = 0
  const ownRedis = () => redis.url.replace(/\d+$/, String(++database))
  const service = { DATABASE_URL: `file:${file}`, HTTPBIN_DELAY: '0', CACHE_TTL: '3600' }

  async function start (id: string, program: string, args: string[], env?: Record<string, string>): Promise<Server> {
    const server = await startMeasured(program, args, env)
    const started = { ...server, address: server.address.replace(/\/$/, '') }
    running.set(id, started)
    return started
  }
  const stopAll = async () => { await Promise.all([...running.values()].map(stop)) }

  try {
    const { address } = await start('service', 'src/server.ts', [], service)
    await start('service with Redis', 'src/server.ts', [], { ...service, REDIS_URL: ownRedis() })
    await start('service without caches', 'src/server.ts', [], { ...service, CACHE_TTL: '0' })

    const list = join(folder, 'product-list.json')
    writeFileSync(list, JSON.stringify(await fetchSent(`${address}/`)))
    const ours = await start('ours', 'bench/contenders/ours-app.ts', [file, ownRedis(), list])
    const { fields } = await fetchSent(`${ours.address}/bare/string`)
    await start('bare', 'bench/contenders/bare-app.ts', [JSON.stringify(fields)])

    for (const contender of CONTENDERS) {
      const { program, store } = contender
      if (store !== undefined && getVersion(getPackage(program)!) !== undefined) {
        await start(getProgramId(contender), `bench/peers/${program}.ts`, [store, ownRedis()])
      }
    }
  } catch (error) {
    await stopAll()
    throw error
  }
  const servers = CONTENDERS.flatMap((contender) => {
    const server = running.get(getProgramId(contender))
    return server === undefined ? [] : [[getKey(contender), server] as const]
  })
  return { servers: new Map(servers), stop: stopAll }
}

const getProgramId = ({ program, store }: Contender) => store === undefined ? program : `${program} ${store}`

export const getPackage = (program: Program): string | undefined => (PEERS as Record<string, string>)[program]
