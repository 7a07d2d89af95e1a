import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startSite } from '../clock/postgres/site/site.ts'
import { soak } from '../support/soak.ts'
import { Databases } from './databases.ts'
import { findObstacle, Network } from './network.ts'
import { type RedisHosts, startCluster, startSentinel } from './redis.ts'
import { Traffic } from './traffic.ts'

/*
 * Promise G1, "never stale", on several hosts: three processes, a primary and a standby of PostgreSQL, and the Redis of
 * all, each in a network namespace. Links are cut and healed, and servers fail over. Whatever cannot be verified is
 * loaded or fails: no answer is older than what had been committed before its request. HOSTS_SEED repeats the choices.
 */
const SEED = Number(process.env.HOSTS_SEED ?? Date.now() % 1_000_000)
const APPS = ['app1', 'app2', 'app3'] as const
const DATABASES = ['db1', 'db2'] as const
const REDIS = ['redis1', 'redis2', 'redis3'] as const
/** Milliseconds until an answer that was under way when a link was cut has arrived, or is never sent. */
const UNDER_WAY_MS = 500

t.setTimeout(300_000)

const obstacle = soak(findObstacle(), 'only `make soak` starts several hosts, since they take a minute')

async function testHosts (
  t: Test, startRedis: (t: Test, network: Network, hosts: readonly string[]) => Promise<RedisHosts>
): Promise<void> {
  t.comment(`HOSTS_SEED=${SEED}`)
  const network = new Network(t, [...APPS, ...DATABASES, ...REDIS])
  const databases = new Databases(network, DATABASES)
  await databases.start(t)
  const redis = await startRedis(t, network, REDIS)
  const sites = await Promise.all(APPS.map((app) => startSite(t, {
    database: databases.database, redis: redis.url, host: network.address(app), within: network.within(app)
  })))
  const traffic = new Traffic(t, sites, databases, SEED)
  t.teardown(() => traffic.end())

  await traffic.recover('all links work')
  for (const cut of ['silence', 'refusal'] as const) {
    network.cut('app1', 'db1', cut)
    await sleep(UNDER_WAY_MS)
    const [alone] = await traffic.count(`app1 is cut from the primary, ${cut}`, [1, 2])
    t.equal(alone!.hits, 0, 'a process that cannot verify answers serves none from its cache')
    network.heal()
    await traffic.recover('the link is healed')
  }

  for (const cut of ['silence', 'refusal'] as const) {
    for (const host of REDIS) network.cut('app2', host, cut)
    const answers = await traffic.count(`app2 is cut from Redis, ${cut}`)
    t.ok(answers.every(({ failed }) => failed === 0), 'no request fails')
    network.heal()
    await traffic.recover('the link is healed')
  }

  network.unplug('app3')
  await sleep(UNDER_WAY_MS)
  const [, , alone] = await traffic.count('app3 has lost its network', [0, 1])
  t.equal(alone!.checked, 0, 'it answers nobody')
  network.plugIn('app3')
  await traffic.recover('app3 has it again')

  for (const host of REDIS.slice(1)) network.cut(REDIS[0], host, 'silence')
  await traffic.count('one Redis is cut from the others, but not from the processes')
  network.heal()
  await traffic.recover('the links are healed')

  await redis.failOver()
  await traffic.recover('Redis has failed over')

  const lost = await databases.failOver(t)
  t.ok(lost > 0, 'the standby lacks commits that the primary had answered')
  await traffic.recover(`the standby has taken over, without commits of ${lost} rows`)
  await traffic.count('all links work')

  await traffic.end()
  t.same(traffic.stale, [], `no answer is stale, HOSTS_SEED=${SEED}`)
  t.comment(`${traffic.checked} answers were checked, ${databases.committed.commits} commits`)
}

t.test('no answer of three hosts is stale with Redis Sentinel, whatever fails', { skip: obstacle }, async (t) => {
  await testHosts(t, startSentinel)
})

t.test('no answer of three hosts is stale with Redis Cluster, whatever fails', { skip: obstacle }, async (t) => {
  await testHosts(t, startCluster)
})
