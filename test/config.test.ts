import { availableParallelism } from 'node:os'
import t from 'tap'
import { loadConfig } from '../src/config.ts'

const DEFAULTS = {
  HOST: '127.0.0.1',
  PORT: 3000,
  DATABASE_URL: 'file:var/larder.db',
  DATABASE_POOL: 10,
  WORKERS: 1,
  CACHE_TTL: 300,
  CACHE_KEY_PREFIX: 'larder',
  HTTPBIN_DELAY: 2,
  LOG_LEVEL: 'info',
  LOG_HITS: 1
}

const VALID = {
  HOST: 'a host name or an IP address',
  PORT: 'an integer from 0 to 65535',
  DATABASE_URL: 'file:<path>, file::memory: or postgres://…',
  DATABASE_POOL: 'an integer from 1 to 1000',
  REDIS_URL: 'a URL that begins with redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://',
  WORKERS: 'an integer from 1 to 999, or auto',
  CACHE_TTL: 'a number of seconds from 0 to 31536000',
  CACHE_KEY_PREFIX: '1 to 64 of the characters A-Z a-z 0-9 _ . : -',
  HTTPBIN_URL: 'an http:// or https:// URL',
  HTTPBIN_DELAY: 'a number of seconds from 0 to 10',
  LOG_LEVEL: 'one of trace, debug, info, warn, error, fatal, silent',
  LOG_HITS: 'a number from 0 to 1',
  ADMIN_TOKEN: 'a secret of ASCII characters without white space'
}

/** Returns the error message for an invalid environment. */
function getError (env: Record<string, string>): string {
  try {
    loadConfig(env)
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    t.equal(code, 'LARDER_CONFIG')
    t.notMatch(message, '\n')
    return message
  }
  return 'accepted'
}

t.test('an empty environment results in the defaults', async (t) => {
  t.strictSame({ ...loadConfig({}) }, DEFAULTS)
})

t.test('an empty variable counts as unset', async (t) => {
  t.strictSame({ ...loadConfig(Object.fromEntries(Object.keys(VALID).map((name) => [name, '']))) }, DEFAULTS)
  t.strictSame({ ...loadConfig(Object.fromEntries(Object.keys(VALID).map((name) => [name, ' \t']))) }, DEFAULTS)
  t.strictSame({ ...loadConfig(Object.fromEntries(Object.keys(VALID).map((name) => [name, undefined]))) }, DEFAULTS)
})

t.test('unknown variables are ignored', async (t) => {
  t.strictSame({ ...loadConfig({ PATH: '/bin', port: '1', NODE_ENV: 'production' }) }, DEFAULTS)
})

t.test('a configuration is frozen, and shares nothing with another', async (t) => {
  const config = loadConfig({ PORT: '80' })
  t.ok(Object.isFrozen(config))
  t.throws(() => Object.assign(config, { PORT: 1 }), TypeError)
  t.equal(loadConfig({}).PORT, 3000)
  t.equal(config.PORT, 80)
})

t.test('valid values are accepted and converted', async (t) => {
  const valid: Array<[keyof typeof VALID, string, (string | number)?]> = [
    ['HOST', 'localhost'], ['HOST', '0.0.0.0'], ['HOST', '::1'], ['HOST', 'larder.example.org'],
    ['PORT', '0', 0], ['PORT', '65535', 65535],
    ['DATABASE_URL', 'file::memory:'], ['DATABASE_URL', 'file:/var/lib/a b.db'], ['DATABASE_URL', 'file:///tmp/x.db'],
    ['DATABASE_URL', 'postgres://localhost/larder'], ['DATABASE_URL', 'postgresql://a:b%40c@[::1]:5433/x?sslmode=require'],
    ['DATABASE_URL', 'postgres://a@/x?host=/run/postgresql'], ['DATABASE_POOL', '1', 1], ['DATABASE_POOL', '1000', 1000],
    ['REDIS_URL', 'redis://127.0.0.1'], ['REDIS_URL', 'redis://127.0.0.1:6379/'],
    ['REDIS_URL', 'redis://127.0.0.1:6379/1'],
    ['REDIS_URL', 'unix:///run/redis.sock?db=1'], ['REDIS_URL', 'redis-cluster://a:7000,b:7001'],
    ['REDIS_URL', 'redis-sentinel://user:secret@a:26379,b/1?master=shop'],
    ['REDIS_URL', 'rediss://user:secret@redis.example.org:6380/15'], ['REDIS_URL', 'redis://[::1]:6379/0'],
    ['WORKERS', '1', 1], ['WORKERS', '12', 12], ['WORKERS', 'auto', availableParallelism()],
    ['CACHE_TTL', '0', 0], ['CACHE_TTL', '0.5', 0.5], ['CACHE_TTL', '31536000', 31536000],
    ['CACHE_KEY_PREFIX', 'a'], ['CACHE_KEY_PREFIX', 'My_app.v2:x-y'], ['CACHE_KEY_PREFIX', 'x'.repeat(64)],
    ['HTTPBIN_URL', 'https://httpbin.org/'], ['HTTPBIN_URL', 'http://localhost:8080/some/path'],
    ['HTTPBIN_DELAY', '0', 0], ['HTTPBIN_DELAY', '1.25', 1.25], ['HTTPBIN_DELAY', '10', 10],
    ['LOG_LEVEL', 'trace'], ['LOG_LEVEL', 'silent'],
    ['LOG_HITS', '0', 0], ['LOG_HITS', '0.01', 0.01],
    ['ADMIN_TOKEN', 's3cret'], ['ADMIN_TOKEN', '12345'], ['ADMIN_TOKEN', ':"x"~']
  ]
  for (const [name, text, value = text] of valid) {
    t.strictSame({ ...loadConfig({ [name]: text }) }, { ...DEFAULTS, [name]: value }, `${name}=${text}`)
  }
})

t.test('an invalid value throws a one-line error with the variable, the value and the valid values', async (t) => {
  const invalid: Array<[keyof typeof VALID, string]> = [
    ['HOST', 'http://localhost'], ['HOST', 'a b'], ['HOST', 'a/b'], ['HOST', 'bücher'],
    ['PORT', '-1'], ['PORT', '65536'], ['PORT', '3000.5'], ['PORT', 'http'],
    ['PORT', '80a'], ['PORT', '1e400'], ['PORT', 'Infinity'], ['PORT', 'NaN'],
    ['DATABASE_URL', 'mysql://localhost/larder'], ['DATABASE_URL', '/var/lib/larder.db'],
    ['DATABASE_POOL', '0'], ['DATABASE_POOL', '1001'], ['DATABASE_POOL', 'all'],
    ['DATABASE_URL', 'file:'], ['DATABASE_URL', 'file: x'],
    ['REDIS_URL', 'localhost:6379'], ['REDIS_URL', 'http://localhost'], ['REDIS_URL', 'redis://'],
    ['REDIS_URL', 'redis://localhost/one'], ['REDIS_URL', 'unix://run'], ['REDIS_URL', 'redis-sentinel://a:1'],
    ['REDIS_URL', 'redis-cluster://a:1/1'], ['REDIS_URL', 'redis://localhost/1/2'],
    ['REDIS_URL', 'redis://localhost:99999'], ['REDIS_URL', '6379'],
    ['WORKERS', '0'], ['WORKERS', '1.5'], ['WORKERS', '1000'], ['WORKERS', 'all'],
    ['CACHE_TTL', '-1'], ['CACHE_TTL', '31536001'], ['CACHE_TTL', '5m'],
    ['CACHE_TTL', 'Infinity'], ['CACHE_TTL', '1e400'], ['CACHE_TTL', 'true'],
    ['CACHE_KEY_PREFIX', 'a b'], ['CACHE_KEY_PREFIX', 'a#b'], ['CACHE_KEY_PREFIX', 'x'.repeat(65)],
    ['CACHE_KEY_PREFIX', 'a*'],
    ['HTTPBIN_URL', 'httpbin.org'], ['HTTPBIN_URL', 'ftp://httpbin.org'], ['HTTPBIN_URL', 'https://'],
    ['HTTPBIN_DELAY', '10.1'], ['HTTPBIN_DELAY', '-0.1'], ['HTTPBIN_DELAY', '2s'], ['HTTPBIN_DELAY', '1e400'],
    ['LOG_HITS', '-0.1'], ['LOG_HITS', '1.1'], ['LOG_HITS', 'all'],
    ['LOG_LEVEL', 'verbose'], ['LOG_LEVEL', 'INFO'], ['LOG_LEVEL', '30']
  ]
  for (const [name, value] of invalid) {
    t.equal(getError({ [name]: value }), `${name} is "${value}", but it must be ${VALID[name]}.`)
  }
})

t.test('a URL of PostgreSQL that is not valid is refused with the reason, and without its password', async (t) => {
  for (const [url, reason] of [
    ['postgres:/localhost', 'It must begin with postgres:// or postgresql://.'],
    ['postgres://u:s3cret?@x/@a,b/name', 'It cannot be parsed'],
    ['postgres://u:1?s3cret=@a/name', 'It cannot be parsed'],
    ['postgres://u:s3cret/@a/name', 'It cannot be parsed'],
    ['postgres://u:s3cret@a:1,b:2/name', 'It must have one host'],
    ['postgres://u:s3cret@a/name?target_session_attrs=s3cret', 'Its parameter "target_session_attrs" is not supported'],
    ['postgres://a/name?user=u&password=x%40s3cret&sslmode=s3cret', 'Its sslmode must be one of disable, prefer']
  ] as const) {
    const message = getError({ DATABASE_URL: url })
    t.match(message, `DATABASE_URL is "postgres://***". ${reason}`)
    t.notMatch(message, 's3cret')
  }
})

t.test('several processes cannot share a temporary database', async (t) => {
  const env = { WORKERS: '2', DATABASE_URL: 'file::memory:' }
  t.equal(getError(env), 'WORKERS is "2", but DATABASE_URL is file::memory:, of which each process would have its ' +
    'own. Use a file, or WORKERS=1.')
  t.equal(loadConfig({ ...env, WORKERS: '1' }).WORKERS, 1)
})

t.test('the first of several invalid values is named', async (t) => {
  t.match(getError({ PORT: 'x', HOST: 'a b' }), /^HOST is "a b", but it must be /)
})

t.test('the value in an error is one line of at most 200 characters', async (t) => {
  t.equal(getError({ HOST: 'a\nb\u001b[2J' }), `HOST is "a\\nb\\u001b[2J", but it must be ${VALID.HOST}.`)
  t.equal(getError({ PORT: 'x'.repeat(1000) }), `PORT is "${'x'.repeat(200)}", but it must be ${VALID.PORT}.`)
})

t.test('errors do not contain secrets', async (t) => {
  const message = `ADMIN_TOKEN is (not shown), but it must be ${VALID.ADMIN_TOKEN}.`
  t.equal(getError({ ADMIN_TOKEN: 's3cret s3cret' }), message)
  const shown: Array<[string, string, string]> = [
    ['REDIS_URL', 'redis://user:s3cret@localhost/one', 'redis://***@localhost/one'],
    ['REDIS_URL', 'redis-cluster://user:s3cret@localhost/1', '***@localhost/1'],
    ['REDIS_URL', 'redis://:s3cret@localhost/one', 'redis://***@localhost/one'],
    ['REDIS_URL', 'redis://user:s3/cret@localhost', 'redis://***@localhost'],
    ['REDIS_URL', 'redis://user:s3@cret@localhost/x', 'redis://***@localhost/x'],
    ['REDIS_URL', 'redis://localhost/x?password=s3cret', 'redis://localhost/x?***'],
    ['REDIS_URL', 'redis://localhost/1?commandTimeout=60000', 'redis://localhost/1?***'],
    ['REDIS_URL', 'user:s3cret@localhost', '***@localhost'],
    ['REDIS_URL', 'user:s3\ncret@localhost', '***@localhost'],
    ['HTTPBIN_URL', 'ftp://user:s3cret@localhost/', 'ftp://***@localhost/'],
    ['DATABASE_URL', 'mysql://user:s3cret@localhost/larder', 'mysql://***@localhost/larder']
  ]
  for (const [name, value, seen] of shown) {
    t.equal(getError({ [name]: value }), `${name} is "${seen}", but it must be ${VALID[name as keyof typeof VALID]}.`)
  }
})
