import { Ajv } from 'ajv'
import Type, { type Static } from 'typebox'
import { isPostgres, parsePostgresUrl } from './db/postgres/url.ts'
import { ConfigError } from './errors.ts'
import { isRedisUrl } from './larder/redis-url.ts'
import { parseWorkers } from './workers/count.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** Each description completes the error message "<variable> must be …". */
const schema = Type.Object({
  HOST: Type.String({ format: 'host', default: '127.0.0.1', description: 'a host name or an IP address' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 3000, description: 'an integer from 0 to 65535' }),
  DATABASE_URL: Type.String({
    format: 'database-url', default: 'file:var/larder.db', description: 'file:<path>, file::memory: or postgres://…'
  }),
  DATABASE_POOL: Type.Integer({ minimum: 1, maximum: 1000, default: 10, description: 'an integer from 1 to 1000' }),
  REDIS_URL: Type.Optional(Type.String({
    format: 'redis-url', description: 'a URL that begins with redis://, rediss://, unix://, redis-sentinel:// or redis-cluster://'
  })),
  WORKERS: Type.String({ format: 'workers', default: '1', description: 'an integer from 1 to 999, or auto' }),
  CACHE_TTL: Type.Number({
    minimum: 0, maximum: 31_536_000, default: 300, description: 'a number of seconds from 0 to 31536000'
  }),
  CACHE_KEY_PREFIX: Type.String({
    pattern: '^[A-Za-z0-9_.:-]{1,64}$', default: 'larder', description: '1 to 64 of the characters A-Z a-z 0-9 _ . : -'
  }),
  HTTPBIN_URL: Type.Optional(Type.String({ format: 'http-url', description: 'an http:// or https:// URL' })),
  HTTPBIN_DELAY: Type.Number({ minimum: 0, maximum: 10, default: 2, description: 'a number of seconds from 0 to 10' }),
  LOG_LEVEL: Type.Union(LOG_LEVELS.map((level) => Type.Literal(level)), {
    default: 'info', description: `one of ${LOG_LEVELS.join(', ')}`
  }),
  LOG_HITS: Type.Number({ minimum: 0, maximum: 1, default: 1, description: 'a number from 0 to 1' }),
  ADMIN_TOKEN: Type.Optional(Type.String({
    pattern: '^[!-~]+$', description: 'a secret of ASCII characters without white space'
  }))
}, { additionalProperties: false })

type Values = Static<typeof schema>

export type Config = Readonly<Omit<Values, 'WORKERS'> & {
  /** The number of processes that serve. */
  WORKERS: number
}>

const ajv = new Ajv({
  validateSchema: false, // compiling the schema of schemas takes longer than everything else here
  removeAdditional: true,
  useDefaults: true,
  coerceTypes: true,
  strictNumbers: false, // otherwise 1e400, which is read as Infinity, would pass without a check of its range
  formats: {
    'database-url': (value) => isPostgres(value) || /^file:[^?\s][^?]*$/.test(value),
    host: /^[A-Za-z0-9_.:-]+$/,
    'redis-url': isRedisUrl,
    workers: (value) => !Number.isNaN(parseWorkers(value)),
    'http-url': (value) => parseUrl(value, ['http:', 'https:']) !== undefined
  }
})
const validate = ajv.compile<Values>(schema)

/**
 * Parses and validates the environment. An empty or blank variable counts as unset.
 *
 * @throws ConfigError with one line that names the variable, its value, and the values that are valid
 */
export function loadConfig (env: Record<string, string | undefined>): Config {
  const isSet = (entry: [string, string | undefined]): entry is [string, string] => !!entry[1]?.trim()
  const data = Object.fromEntries(Object.entries(env).filter(isSet))
  const values = parse(data)
  const config = { ...values, WORKERS: parseWorkers(values.WORKERS) }
  if (config.WORKERS > 1 && config.DATABASE_URL === 'file::memory:') {
    throw new ConfigError(`WORKERS is ${JSON.stringify(values.WORKERS)}, but DATABASE_URL is file::memory:, of which ` +
      'each process would have its own. Use a file, or WORKERS=1.')
  }
  if (isPostgres(config.DATABASE_URL)) checkPostgresUrl(config.DATABASE_URL)
  return Object.freeze(config)
}

function parse (data: Record<string, string>): Values {
  const values: unknown = { ...data }
  if (validate(values)) return values
  const name = validate.errors![0]!.instancePath.slice(1) as keyof Values
  const { description } = schema.properties[name] as { description?: string }
  throw new ConfigError(`${name} is ${redact(name, data[name]!)}, but it must be ${description}.`)
}

function checkPostgresUrl (url: string): void {
  try {
    parsePostgresUrl(url)
  } catch (error) {
    throw new ConfigError(`DATABASE_URL is ${redact('DATABASE_URL', url)}. ${(error as Error).message}`)
  }
}

/** Prepares a value for a message: without secrets, on one line, and at most 200 characters long. */
function redact (name: keyof Config, value: string): string {
  if (name === 'ADMIN_TOKEN') return '(not shown)'
  // A password may have any character, and libpq takes it as a parameter too.
  if (isPostgres(value)) return '"postgres://***"'
  return JSON.stringify(value.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@').replace(/\?.*/s, '?***').slice(0, 200))
}

function parseUrl (value: string, protocols: string[]): URL | undefined {
  const url = URL.parse(value)
  return url !== null && url.hostname !== '' && protocols.includes(url.protocol) ? url : undefined
}
