import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { DatabaseOpenError } from '../../errors.ts'
import { postgresClock } from '../../larder/postgres.ts'
import { type DatabaseLimits, resolveLimits } from '../limits.ts'
import { migrate } from './migrate.ts'
import { explainOpenError } from './open-errors.ts'
import { createPostgresDatabase, type PostgresDatabase } from './postgres-database.ts'
import { parsePostgresUrl, type PostgresUrl } from './url.ts'

/** Milliseconds that an attempt to connect may take. */
const CONNECT_MS = 5_000
/** Milliseconds to wait for a server that is starting. */
const STARTING_MS = 10_000
const RETRY_MS = 100
/** The code of a server that is starting or stopping. */
const STARTING = '57P03'
/** Milliseconds that a statement of a migration may take. */
const MIGRATE_MS = 600_000
/** Milliseconds after which the server ends what this process should have ended: it may be gone. */
const GRACE_MS = 1_000
/** The longest timeout of PostgreSQL. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1
const POOL_SIZE = 10
/** Milliseconds after which a connection that nobody needs is closed. */
const IDLE_MS = 60_000

/**
 * Opens a PostgreSQL database, applies missing migrations, and creates what is missing of the version clock. Several
 * processes may do so at once.
 *
 * @param url as libpq takes it
 */
export async function openPostgres (url: string, limits: DatabaseLimits = {}): Promise<PostgresDatabase> {
  const resolved = resolveLimits(limits)
  const parsed = parse(url)
  let pool: pg.Pool | undefined
  try {
    const options = await prepare(parsed, resolved.lockWaitMs)
    pool = createPool(options, limits.poolSize ?? POOL_SIZE, resolved)
    const watched = pool
    return await createPostgresDatabase({
      pool,
      createClient: () => new pg.Client(options),
      async createClock (transaction) {
        const clock = await postgresClock(watched, {
          lockWait: resolved.lockWaitMs / 1000,
          transaction,
          ...limits.onWarning && { onWarning: limits.onWarning }
        })
        clock.watch(watched)
        return clock
      },
      limits: resolved,
      onWarning: limits.onWarning,
      place: parsed.place
    })
  } catch (error) {
    await pool?.end()
    throw new DatabaseOpenError(parsed.place, explainOpenError(error as Error))
  }
}

function parse (url: string): PostgresUrl {
  try {
    return parsePostgresUrl(url)
  } catch (error) {
    throw new DatabaseOpenError('postgres://***', (error as Error).message)
  }
}

/** Applies missing migrations. Returns the options with which it could connect. */
async function prepare ({ options, mayBePlain }: PostgresUrl, lockWaitMs: number): Promise<pg.ClientConfig> {
  const all: pg.ClientConfig = {
    application_name: 'larder', connectionTimeoutMillis: CONNECT_MS, keepAlive: true, ...options
  }
  const deadline = performance.now() + STARTING_MS
  while (true) {
    const client = new pg.Client({ ...all, query_timeout: MIGRATE_MS })
    // Whatever it is, it also rejects what runs.
    client.on('error', () => {})
    try {
      await client.connect()
      await migrate(client, lockWaitMs)
      return all
    } catch (error) {
      const { code, message } = error as { code?: string, message: string }
      if (mayBePlain && all.ssl !== false && message.includes('does not support SSL')) all.ssl = false
      else if (code === STARTING && performance.now() < deadline) await sleep(RETRY_MS)
      else throw error
    } finally {
      await client.end()
    }
  }
}

function createPool (
  options: pg.ClientConfig, max: number, { lockWaitMs, transactionMs, readMs }: ReturnType<typeof resolveLimits>
): pg.Pool {
  // Zero would mean no limit at all.
  const limit = (ms: number) => Math.min(MAX_TIMEOUT_MS, Math.max(1, ms))
  const statementMs = limit(Math.max(transactionMs, readMs) + GRACE_MS)
  return new pg.Pool({
    ...options,
    max,
    idleTimeoutMillis: IDLE_MS,
    statement_timeout: statementMs,
    lock_timeout: limit(lockWaitMs),
    idle_in_transaction_session_timeout: statementMs
  })
}
