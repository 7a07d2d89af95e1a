import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort } from '../support/redis.ts'
import { withRedis } from '../support/with-redis.ts'
import { soak } from '../support/soak.ts'

t.setTimeout(120_000)
t.jobs = 3
/** These tests run at the same time, since they mostly wait for their processes. */
const concurrently = { buffered: true }
/** Requests of each measurement. */
const REQUESTS = soak(500, 25)

const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** Runs `make latency` with no other environment, so that its processes report no coverage. */
function latency (env: Record<string, string>) {
  return promisify(execFile)(process.execPath, ['bench/latency.ts', String(REQUESTS)], {
    cwd, env: { PATH: process.env['PATH'], HTTPBIN_DELAY: '0.05', ...env }
  })
}

/** The four rows of the table. Each second one says how many times faster it is. */
const TABLE = ['cold', 'warm', 'without the cache', 'with the cache'].map((name, i) => {
  return new RegExp(`${name} +(5|${REQUESTS})( +\\d+\\.\\d\\d){3}${i % 2 === 1 ? ' +\\d+\\.\\d x' : ''}$`, 'm')
})

t.test('latency without Redis', { ...concurrently, skip: soak(false, true) }, async (t) => {
  const { stdout, stderr } = await latency({})
  t.match(stdout, 'store: memory; upstream: the built-in fake of httpbin, 0.05 seconds')
  for (const line of TABLE) t.match(stdout, line)
  t.match(stderr, '/apicalls cold, 5 requests …')
})

t.test('latency with Redis overrides the environment and leaves no keys behind', concurrently, async (t) => {
  const { client, url } = await withRedis(t)
  await client.set('larder:product_objects', 'of another application')
  const { stdout, stderr } = await latency({
    REDIS_URL: url, CACHE_TTL: '0', CACHE_KEY_PREFIX: 'larder', HOST: '0.0.0.0', PORT: '3000', HTTPBIN_DELAY: '0'
  })
  t.match(stdout, 'store: memory over redis; upstream: the built-in fake of httpbin, 0 seconds')
  for (const line of TABLE) t.match(stdout, line)
  t.match(stderr, '/apicalls cold, 5 requests …')
  t.same(await client.keys('*'), ['larder:product_objects'])
})

t.test('latency fails with one line if it cannot measure', concurrently, async (t) => {
  const unused = `127.0.0.1:${await freePort()}`
  const badDelay = { code: 1, stderr: /^larder: HTTPBIN_DELAY is "abc", .*\nlatency: src\/server\.ts did not start\n$/ }
  const noRedis = { code: 1, stderr: /^latency: Redis is unavailable, its state is "\w+"\. Check REDIS_URL\.\n$/ }
  const noUpstream = { code: 1, stderr: /^latency: .* responded with status 502\n$/ }
  await t.rejects(latency({ HTTPBIN_DELAY: 'abc' }), badDelay)
  await Promise.all(soak([
    () => t.rejects(latency({ REDIS_URL: `redis://${unused}/0` }), noRedis),
    () => t.rejects(latency({ HTTPBIN_URL: `http://${unused}/` }), noUpstream)
  ], []).map((check) => check()))
})
