import { Ajv, type ErrorObject } from 'ajv'
import { envSchema } from 'env-schema'
import Type, { type Static } from 'typebox'
import { ConfigError } from './errors.ts'

/** Each description ends the sentence "<variable> takes …" of the error for a bad value. */
const schema = Type.Object({
  HOST: Type.String({ format: 'host', default: '127.0.0.1', description: 'a host name or an IP address' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 3000, description: 'an integer from 0 to 65535' }),
  DATABASE_URL: Type.String({ pattern: '^file:[^?\\s][^?]*$', default: 'file:var/larder.db', description: 'file:<path>, or file::memory:' }),
  REDIS_URL: Type.Optional(Type.String({ format: 'redis-url', description: 'redis://host:port/number, or rediss:// for TLS' })),
  CACHE_TTL: Type.Number({ minimum: 0, maximum: 31_536_000, default: 300, description: 'a number of seconds from 0 to 31536000' }),
  CACHE_KEY_PREFIX: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,64}$', default: 'larder', description: '1 to 64 of the characters A-Z a-z 0-9 _ . : -' }),
  HTTPBIN_URL: Type.Optional(Type.String({ format: 'http-url', description: 'an http:// or https:// URL' })),
  HTTPBIN_DELAY: Type.Number({ minimum: 0, maximum: 10, default: 2, description: 'a number of seconds from 0 to 10' }),
  LOG_LEVEL: Type.Union(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'one of trace, debug, info, warn, error, fatal, silent' }),
  ADMIN_TOKEN: Type.Optional(Type.String({ pattern: '^\\S+$', description: 'a secret without white space' }))
})

export type Config = Readonly<Static<typeof schema>>

const ajv = new Ajv({
  allErrors: false,
  removeAdditional: true,
  useDefaults: true,
  coerceTypes: true,
  strictNumbers: false, // or 1e400, read as Infinity, would be in no range and pass
  formats: {
    host: /^[A-Za-z0-9_.:-]+$/,
    // Without a query: there ioredis would take options that undo our deadlines.
    'redis-url': (value) => /^\/?\d*$/.test(urlOf(value, ['redis:', 'rediss:'])?.pathname ?? 'none') && !value.includes('?'),
    'http-url': (value) => urlOf(value, ['http:', 'https:']) !== undefined
  }
})

/**
 * The configuration that an environment spells. An empty or blank variable counts as unset.
 * Throws a `ConfigError` of one line that names the variable, what it got and what it takes.
 */
export function loadConfig (env: Record<string, string | undefined>): Config {
  const data = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''))
  try {
    return Object.freeze(envSchema<Config>({ schema, data, env: false, ajv }))
  } catch (error) {
    const [first] = (error as { errors: ErrorObject[] }).errors
    const name = first!.instancePath.slice(1) as keyof Config
    throw new ConfigError(`${name} is ${shown(name, data[name]!)}, but it takes ${(schema.properties[name] as { description?: string }).description}`)
  }
}

/** The value as it may be shown: on one line, not too long, and without its secrets. */
function shown (name: keyof Config, value: string): string {
  if (name === 'ADMIN_TOKEN') return '(not shown)'
  return JSON.stringify(value.replace(/^([a-z]+:\/\/)?.*@/is, '$1***@').replace(/\?.*/s, '?***').slice(0, 200))
}

function urlOf (value: string, protocols: string[]): URL | undefined {
  const url = URL.parse(value)
  return url !== null && url.hostname !== '' && protocols.includes(url.protocol) ? url : undefined
}
