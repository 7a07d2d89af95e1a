import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import type { Server } from './servers.ts'
import { transact } from './writers.ts'

/** A time in which Redis was available or not, and the responses of the processes without L1 in it. */
export interface Era { name: string, reads: number, hits: number }

/** Reads without a write, before and after a write that must be visible. */
const SILENCE = 80

/** Hits that show that a cache is in use. A few are only responses of collapsed requests. */
export const IN_USE = { life: 10, era: 50 }

function count ({ services, others }: Storm): { reads: number, hits: number } {
  const lives = [...services, others[0]!].flatMap(({ lives }) => lives)
  const sum = (of: 'reads' | 'hits') => lives.reduce((total, life) => total + life[of], 0)
  return { reads: sum('reads'), hits: sum('hits') }
}

export interface Plan<Step extends string> {
  /** How often to take all steps, in random order. */
  rounds: number
  /** Reads between two steps. */
  gap: number
  steps: readonly Step[]
}

export type ServerStep = 'kill a service' | 'kill another' | 'die in 1' | 'die in 2' | 'kill all'

/** Kills servers and restarts them. */
export async function killServers (storm: Storm, random: Random, plan: Plan<ServerStep>): Promise<void> {
  const { rounds, gap } = plan
  const { services, others, progress } = storm
  const servers = [...services, ...others]
  const meanwhile = () => progress.after(random.below(gap))

  const kill = (servers: Server[]) => async () => {
    const server = random.pick(servers)
    progress.event('SIGKILL of a server', server.name)
    await server.stop()
    await meanwhile()
    await server.start()
  }

  /** Ends a process between its commit and its next instruction, so that it cannot notify the others. */
  const die = (server: Server) => async () => {
    await progress.inSilence(SILENCE, async () => {
      progress.event('SIGKILL right after a commit', server.name)
      await server.stop((life) => transact(storm, random, life, 'dies'))
    })
    await meanwhile()
    await server.start()
  }

  const killAll = async () => {
    progress.event('SIGKILL of all servers')
    await Promise.all(servers.map((server) => server.stop()))
    await Promise.all(servers.map((server) => server.start()))
  }

  const calm = async () => {
    await progress.after(gap)
    const useCaches = () => servers.every(({ lives }) => lives.at(-1)!.hits >= IN_USE.life)
    await progress.until('all servers use their caches', useCaches)
  }

  const run: Record<ServerStep, () => Promise<void>> = {
    'kill a service': kill(services),
    'kill another': kill(others),
    'die in 1': die(others[0]!),
    'die in 2': die(others[1]!),
    'kill all': killAll
  }
  for (const step of inRounds(rounds, () => random.shuffle(plan.steps))) {
    await calm()
    if (progress.over) return
    await run[step]()
    progress.event('all servers run')
  }
  await calm()
}

export type StoreStep = 'old data' | 'flush' | 'move tables'

/** Restarts Redis with old data, flushes it, and makes SQLite move its tables. */
export async function disturbStores (storm: Storm, random: Random, plan: Plan<StoreStep>): Promise<Era[]> {
  const { rounds, gap } = plan
  const { redis, raw, progress } = storm
  const eras: Era[] = []
  let before = count(storm)
  const endEra = (name: string) => {
    const now = count(storm)
    eras.push({ name, reads: now.reads - before.reads, hits: now.hits - before.hits })
    before = now
  }

  const oldData = async () => {
    await redis.save()
    progress.event('Redis saves', `${await redis.size()} keys`)
    await progress.after(gap / 2)
    progress.event('SIGKILL of Redis')
    endEra('Redis is available')
    await redis.kill()
    await progress.after(gap / 4 + random.below(gap / 4))
    await redis.restart()
    endEra('Redis is unavailable')
    const size = await redis.size()
    if (size === 0) throw new Error('Redis has restarted without its old data.')
    progress.event('Redis has restarted with old data', `${size} keys`)
  }

  const flush = async () => {
    progress.event('FLUSHALL')
    await redis.flush()
    endEra('Redis is available')
  }

  const moveTables = async () => {
    progress.event('VACUUM and CREATE INDEX')
    raw.exec('CREATE INDEX IF NOT EXISTS products_by_price ON products(price); DROP INDEX products_by_price; VACUUM')
  }

  const calm = async () => {
    await progress.after(gap)
    await progress.until('Redis is in use', () => count(storm).hits - before.hits >= IN_USE.era)
  }

  const run: Record<StoreStep, () => Promise<void>> = { 'old data': oldData, flush, 'move tables': moveTables }
  for (const step of inRounds(rounds, () => random.shuffle(plan.steps))) {
    await calm()
    if (progress.over) return eras
    await run[step]()
  }
  await calm()
  endEra('Redis is available')
  return eras
}

const inRounds = <T>(rounds: number, steps: () => T[]): T[] => Array.from({ length: rounds }, steps).flat()
