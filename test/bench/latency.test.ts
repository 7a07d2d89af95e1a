import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import t from 'tap'
import { freePort, startRedis } from '../support/redis.ts'

t.setTimeout(120_000)
t.jobs = 3
/** Tests run beside each other: most of the time they wait for processes of their own. */
const beside = { buffered: true }

const cwd = fileURLToPath(new URL('../..', import.meta.url))

/** `make latency`, with nothing else in its environment: the measurement is not to be measured. */
function latency (env: Record<string, string>) {
  return promisify(execFile)(process.execPath, ['bench/latency.ts'], { cwd, env: { PATH: process.env['PATH'], HTTPBIN_DELAY: '0.05', ...env } })
}

/** The four lines of figures, and for each second one how many times faster it is. */
const TABLE = ['cold', 'warm', 'without the cache', 'with the cache']
  .map((name, i) => new RegExp(`${name} +(5|500)( +\\d+\\.\\d\\d){3}${i % 2 === 1 ? ' +\\d+\\.\\d x' : ''}$`, 'm'))

t.test('without Redis', beside, async (t) => {
  const { stdout, stderr } = await latency({})
  t.match(stdout, 'store: memory; upstream: the built-in fake of httpbin, 0.05 seconds')
  for (const line of TABLE) t.match(stdout, line)
  t.match(stderr, '/apicalls cold, 5 requests …')
})

t.test('with Redis, of which it leaves nothing behind, whatever else the environment says', beside, async (t) => {
  const { url } = await startRedis(t)
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  await client.set('larder:product_objects', 'of somebody else')
  const { stdout } = await latency({ REDIS_URL: url, CACHE_TTL: '0', CACHE_KEY_PREFIX: 'larder', HOST: '0.0.0.0', PORT: '3000', HTTPBIN_DELAY: '0' })
  t.match(stdout, 'store: memory over redis; upstream: the built-in fake of httpbin, 0 seconds')
  for (const line of TABLE) t.match(stdout, line)
  t.same(await client.keys('*'), ['larder:product_objects'])
})

t.test('what cannot be measured is said in words', beside, async (t) => {
  const nobody = `127.0.0.1:${await freePort()}`
  await Promise.all([
    t.rejects(latency({ HTTPBIN_DELAY: 'abc' }), { code: 1, stderr: /^larder: HTTPBIN_DELAY is "abc", .*\nlatency: src\/server\.ts did not start\n$/ }),
    t.rejects(latency({ REDIS_URL: `redis://${nobody}/0` }), { code: 1, stderr: /^latency: Redis is not there to be measured: its state is "\w+"\n$/ }),
    t.rejects(latency({ HTTPBIN_URL: `http://${nobody}/` }), { code: 1, stderr: /^latency: .* answered with status 502\n$/ })
  ])
})
