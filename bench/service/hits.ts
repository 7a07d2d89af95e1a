import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchSent, type Sent } from '../contenders/sent.ts'
import { folder, newFile } from '../support/files.ts'
import { load } from '../support/load.ts'
import { getAccount, type Server, startMeasured, stop } from '../support/process.ts'
import { progress } from '../support/progress.ts'
import { type Line, us } from '../support/table.ts'
import { assert, getMedianRatio, median } from '../support/turns.ts'

/** Products on the list: as many as one page shows. */
const PRODUCTS = 100

const MEMORY = 'memory, LOG_LEVEL=warn'
const WITH_REDIS = 'memory over Redis, LOG_LEVEL=warn'
const LOGGED = 'memory, each response logged'
const SAMPLED = 'memory, LOG_HITS=0.01'

/** The environment of each service. */
const SERVICES: Record<string, Record<string, string>> = {
  [MEMORY]: { LOG_LEVEL: 'warn' },
  [WITH_REDIS]: { LOG_LEVEL: 'warn' },
  [LOGGED]: { LOG_LEVEL: 'info' },
  [SAMPLED]: { LOG_LEVEL: 'info', LOG_HITS: '0.01' }
}

interface Section {
  url: string
  connections: number
  services: string[]
  /** The share of the bare route's hits per second that should be reached, by service. */
  target: Record<string, number>
}

/** What is measured. Costs of the log are compared with the service that logs no response. */
const SECTIONS: Section[] = [
  {
    url: '/apicalls',
    connections: 32,
    services: [MEMORY, WITH_REDIS, LOGGED, SAMPLED],
    target: { [MEMORY]: 0.97, [WITH_REDIS]: 0.97 }
  },
  {
    url: '/apicalls',
    connections: 1,
    services: [MEMORY, WITH_REDIS],
    target: { [MEMORY]: 0.93, [WITH_REDIS]: 0.93 }
  },
  { url: '/', connections: 32, services: [MEMORY, WITH_REDIS], target: { [MEMORY]: 0.8, [WITH_REDIS]: 0.8 } }
]

export interface HitLine extends Line {
  cpu: string
  latency: string
  byCpu: string
}

export const TITLES = {
  figure: 'hits/s',
  cpu: 'CPU per hit',
  latency: 'p50 / p99 ms',
  compared: 'of bare',
  byCpu: 'by CPU',
  target: 'target',
  met: 'met'
}

/** Measures hits of the service in several configurations. @param redis without it, Redis is left out */
export async function serviceHits (rounds: number, redis: string | undefined): Promise<Map<string, HitLine[]>> {
  const running = new Map<string, Server>()
  try {
    const file = await newFile('service', PRODUCTS)
    for (const [name, env] of Object.entries(SERVICES)) {
      if (name === WITH_REDIS && redis === undefined) continue
      const more = name === WITH_REDIS ? { REDIS_URL: redis! } : {}
      const common = { DATABASE_URL: `file:${file}`, HTTPBIN_DELAY: '0', CACHE_TTL: '3600' }
      running.set(name, await start('src/server.ts', [], { ...common, ...env, ...more }))
    }
    const bare = await startBare([...running.values()])
    running.set('bare', bare)

    const sections = new Map<string, HitLine[]>()
    const step = progress(SECTIONS.flatMap(({ services }) => services).length * (rounds + 1))
    for (const { url, connections, services, target } of SECTIONS) {
      const title = `${url}, ${connections === 1 ? 'one connection' : `${connections} connections`}`
      const known = services.filter((name) => running.has(name))
      const turns = new Map(known.map((name) => [name, [] as Turn[]]))
      for (let round = 0; round <= rounds; round++) {
        for (const name of known) {
          step(`${title}: ${name}`)
          const turn = await measureTurn(running.get(name)!, bare, url, connections, round % 2 === 0)
          if (round > 0) turns.get(name)!.push(turn) // the first round warms up
        }
      }
      const usual = turns.get(MEMORY)!
      sections.set(title, known.map((name) => formatLine(name, turns.get(name)!, usual, target[name])))
    }
    return sections
  } finally {
    await Promise.all([...running.values()].map(stop))
  }
}

async function start (program: string, args: string[], env: Record<string, string>): Promise<Server> {
  const server = await startMeasured(program, args, env)
  return { ...server, address: server.address.replace(/\/$/, '') }
}

/** Starts bare routes that send what the services send for a hit. */
async function startBare (services: readonly Server[]): Promise<Server> {
  const responses: Record<string, Sent> = {}
  for (const url of new Set(SECTIONS.map(({ url }) => url))) {
    for (const { address } of services) {
      await fetchSent(address + url)
      const hit = await fetchSent(address + url)
      assert(hit.fields['server-timing']?.includes('desc="hit"') === true, `a hit of ${url}`)
      responses[url] ??= hit
    }
  }
  const file = join(folder, 'service-responses.json')
  writeFileSync(file, JSON.stringify(responses))
  return await start('bench/service/bare-app.ts', [file], {})
}

interface Hits {
  perSecond: number
  /** Microseconds. */
  cpu: number
  p50: number
  p99: number
}

interface Turn extends Hits {
  bare: Hits
}

/** Measures a service beside the bare route, so that other work on the machine affects both. */
async function measureTurn (
  service: Server, bare: Server, url: string, connections: number, bareFirst: boolean
): Promise<Turn> {
  const before = bareFirst ? await measureHits(bare, url, connections) : undefined
  const hits = await measureHits(service, url, connections)
  return { ...hits, bare: before ?? await measureHits(bare, url, connections) }
}

async function measureHits (server: Server, url: string, connections: number): Promise<Hits> {
  const before = await getAccount(server)
  const { requests, seconds, p50, p99 } = await load(server.address + url, 1, connections)
  const after = await getAccount(server)
  return { perSecond: requests / seconds, cpu: (after.cpu - before.cpu) / requests, p50, p99 }
}

/** @param usual the turns of the service that logs no response */
function formatLine (name: string, turns: Turn[], usual: Turn[], target: number | undefined): HitLine {
  const typical = (figure: keyof Hits) => median(turns.map((turn) => turn[figure]))
  const share = median(turns.map(({ perSecond, bare }) => perSecond / bare.perSecond))
  const byCpu = median(turns.map(({ cpu, bare }) => bare.cpu / cpu))
  const ofUsual = getMedianRatio(turns.map(({ perSecond }) => perSecond), usual.map(({ perSecond }) => perSecond))
  return {
    what: name === LOGGED || name === SAMPLED ? `${name}: ${ofUsual.toFixed(2)} of the first` : name,
    figure: typical('perSecond').toFixed(0),
    cpu: us(typical('cpu')),
    latency: `${typical('p50').toFixed(2)} / ${typical('p99').toFixed(2)}`,
    compared: `${share.toFixed(3)} x`,
    byCpu: `${byCpu.toFixed(3)} x`,
    ...target !== undefined && { target: `>= ${target} x`, met: share >= target }
  }
}
