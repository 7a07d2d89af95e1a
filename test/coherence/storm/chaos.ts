import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import type { Server } from './servers.ts'
import { transact } from './writers.ts'

/** A time in which Redis was there or away, and what was answered in it by those who keep all in Redis. */
export interface Era { name: string, reads: number, hits: number }

/** Reads without a write, before and after one that must be seen. */
const SILENCE = 80

/** Hits that show that a cache is in use. A few are only answers shared by requests that came together. */
export const IN_USE = { life: 10, era: 50 }

function countsOf ({ services, others }: Storm): { reads: number, hits: number } {
  const lives = [...services, others[0]!].flatMap(({ lives }) => lives)
  return { reads: lives.reduce((sum, { reads }) => sum + reads, 0), hits: lives.reduce((sum, { hits }) => sum + hits, 0) }
}

/** How often to do it all, and how many reads to wait between two steps. */
export interface Rhythm { rounds: number, gap: number }

/** Kills servers and starts them again. */
export async function killServers (storm: Storm, random: Random, { rounds, gap }: Rhythm): Promise<void> {
  const { services, others, tally } = storm
  const servers = [...services, ...others]
  const meanwhile = () => tally.after(random.below(gap))

  const kill = (servers: Server[]) => async () => {
    const server = random.pick(servers)
    tally.happened('SIGKILL of a server', server.name)
    await server.stop()
    await meanwhile()
    await server.start()
  }

  /** A process that ends between its commit and its next instruction: whoever would have told others of the change is gone. */
  const dies = (server: Server) => async () => {
    await tally.inSilence(SILENCE, async () => {
      tally.happened('SIGKILL right after a commit', server.name)
      await server.stop((life) => transact(storm, random, life, 'dies'))
    })
    await meanwhile()
    await server.start()
  }

  const killAll = async () => {
    tally.happened('SIGKILL of all servers')
    await Promise.all(servers.map((server) => server.stop()))
    await Promise.all(servers.map((server) => server.start()))
  }

  const calm = async () => {
    await tally.after(gap)
    await tally.until('all servers use their caches', () => servers.every(({ lives }) => lives.at(-1)!.hits >= IN_USE.life))
  }

  const steps = [kill(services), kill(others), ...others.map(dies), killAll]
  for (const step of inRounds(rounds, () => random.shuffle(steps))) {
    await calm()
    if (tally.over) return
    await step()
    tally.happened('all servers are there')
  }
  await calm()
}

/** Kills Redis and brings it back with old data; has it forget all; has SQLite move its tables. */
export async function shakeStores (storm: Storm, random: Random, { rounds, gap }: Rhythm): Promise<Era[]> {
  const { redis, raw, tally } = storm
  const eras: Era[] = []
  let before = countsOf(storm)
  const over = (name: string) => {
    const now = countsOf(storm)
    eras.push({ name, reads: now.reads - before.reads, hits: now.hits - before.hits })
    before = now
  }

  const oldData = async () => {
    await redis.save()
    tally.happened('Redis saves', `${await redis.size()} keys`)
    await tally.after(gap / 2)
    tally.happened('SIGKILL of Redis')
    over('Redis is there')
    await redis.kill()
    await tally.after(gap / 4 + random.below(gap / 4))
    await redis.restart()
    over('Redis is away')
    const size = await redis.size()
    if (size === 0) throw new Error('Redis came back without its old data')
    tally.happened('Redis is back with old data', `${size} keys`)
  }

  const flush = async () => {
    tally.happened('FLUSHALL')
    await redis.flush()
    over('Redis is there')
  }

  const moveTables = () => {
    tally.happened('VACUUM and CREATE INDEX')
    raw.exec('CREATE INDEX IF NOT EXISTS products_by_price ON products(price); DROP INDEX products_by_price; VACUUM')
  }

  const calm = async () => {
    await tally.after(gap)
    await tally.until('Redis is in use', () => countsOf(storm).hits - before.hits >= IN_USE.era)
  }

  const steps = [oldData, oldData, oldData, flush, moveTables]
  for (const step of inRounds(rounds, () => random.shuffle(steps))) {
    await calm()
    if (tally.over) return eras
    await step()
  }
  await calm()
  over('Redis is there')
  return eras
}

const inRounds = <T>(rounds: number, steps: () => T[]): T[] => Array.from({ length: rounds }, steps).flat()
