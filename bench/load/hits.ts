import { request } from 'undici'
import { newFile } from '../support/files.ts'
import { load } from '../support/load.ts'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, us } from '../support/table.ts'
import { assert, median, ratioIn, roundsOf } from '../support/turns.ts'

const ROUNDS = 11
/** The share of the throughput of a bare route that must be left. */
const TARGET = 0.95

interface Route {
  throughput: () => Promise<number>
  /** Microseconds of CPU that an answer took, in each turn: the machine's other work counts less here. */
  cpu: number[]
}

/** Hits of kept pages against routes of Fastify that send the same bytes. */
export async function hits (): Promise<Line[]> {
  const redis = await startRedis()
  if (redis === undefined) return [{ what: 'not measured: there is no redis-server', figure: '' }]
  const app = await startServer('bench/load/hit-app.ts', [newFile('hits', 100), redis.path])
  try {
    const route = (url: string) => routeOf(app.address, url)
    const near = { near: route('/near'), tagged: route('/tagged'), buffer: route('/bare/buffer'), string: route('/bare/string') }
    const far = { redis: route('/redis'), get: route('/bare/redis') }
    await assertSame(app.address, ['/near', '/tagged', '/redis', '/bare/buffer', '/bare/string', '/bare/redis'])
    const atNear = await turns(near)
    const atFar = await turns(far)
    const against = (figures: Record<string, number[]>, routes: Record<string, Route>) => (what: string, name: string, other: string) => [
      throughput(what, figures[name]!, figures[other]!), cpu(routes[name]!, routes[other]!)
    ]
    return [
      ...against(atFar, far)('in Redis; other: a route that does one GET', 'redis', 'get'),
      ...against(atNear, near)('near; other: a route that sends a Buffer', 'near', 'buffer'),
      ...against(atNear, near)('near; other: a route that sends a string', 'near', 'string'),
      ...against(atNear, near)('near and on the clock of a database; other: a Buffer', 'tagged', 'buffer'),
      ...against(atNear, near)('near and on the clock of a database; other: a string', 'tagged', 'string')
    ]
  } finally {
    await stop(app)
    await redis.end()
  }
}

const turns = <Name extends string> (routes: Record<Name, Route>) => roundsOf(ROUNDS, Object.fromEntries(
  Object.entries<Route>(routes).map(([name, { throughput }]) => [name, throughput])) as Record<Name, Route['throughput']>)

function routeOf (address: string, url: string): Route {
  const cpuSoFar = async () => {
    const { body } = await request(`${address}/cpu`)
    const { user, system } = await body.json() as NodeJS.CpuUsage
    return user + system
  }
  const cpu: number[] = []
  return {
    cpu,
    async throughput () {
      const before = await cpuSoFar()
      const { requests, seconds } = await load(address + url)
      cpu.push((await cpuSoFar() - before) / requests)
      return requests / seconds
    }
  }
}

/** What moves from one answer to the next, in a few digits. */
const MOVES = new Set(['age', 'cache-control', 'cache-status', 'date', 'expires', 'server-timing'])

/** Sees to it that all routes answer with hits, or else with their bytes. */
async function assertSame (address: string, urls: string[]): Promise<void> {
  const answers = await Promise.all(urls.map(async (url) => {
    await (await request(address + url)).body.dump()
    const { headers, body } = await request(address + url)
    assert(String(headers['cache-status']).startsWith('larder; hit'), `${url} is no hit`)
    const fields = Object.entries(headers).map(([name, value]) => MOVES.has(name) ? [name] : [name, value]).sort()
    return JSON.stringify(fields) + await body.text()
  }))
  for (const [i, url] of urls.entries()) assert(answers[i] === answers[0], `${url} sends other bytes than ${urls[0]}`)
}

function throughput (what: string, figures: number[], others: number[]): Line {
  const say = (hits: number[]) => `${median(hits).toFixed(0)} /s`
  const share = ratioIn(figures, others)
  return { what, figure: say(figures), other: say(others), compared: `${share.toFixed(3)} x`, target: `>= ${TARGET} x`, met: share >= TARGET }
}

function cpu (route: Route, bare: Route): Line {
  const [figure, other] = [route, bare].map(({ cpu }) => median(cpu.slice(1))) as [number, number] // the first round warms up
  return { what: '  CPU of the process per hit', figure: us(figure), other: us(other), compared: `${figure < other ? '' : '+'}${us(figure - other)}` }
}
