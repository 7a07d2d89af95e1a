import type pg from 'pg'

/** Milliseconds after which an attempt to connect has failed. */
const CONNECT_MS = 1_000
/** Milliseconds after which a query of the clock's own pool has failed: reading a large schema takes a second. */
const QUERY_MS = 30_000

type ClientClass = new (options: pg.ClientConfig) => pg.Client
type Options = Omit<pg.PoolConfig, 'Client'> & { Client?: ClientClass }

/** Returns the options of a pool, with those that it hides. */
function readOptions (pool: pg.Pool): Options {
  const { options } = pool
  return { ...options, ...options.password !== undefined && { password: options.password } } as unknown as Options
}

/** Creates a client that connects as those of a pool do, for looks. */
export function createLookClient (pool: pg.Pool): pg.Client {
  return createClient(pool, { connectionTimeoutMillis: CONNECT_MS })
}

/** Creates a client whose queries may take any time. The timeouts of the application are for its own queries. */
function createClient (pool: pg.Pool, options: pg.ClientConfig): pg.Client {
  const { Client } = pool as unknown as { Client: ClientClass }
  return new Client({ ...readOptions(pool), query_timeout: 0, statement_timeout: 0, ...options } as pg.ClientConfig)
}

/**
 * Creates a second pool beside that of an application, so that the clock never waits for a connection that a
 * transaction of the application holds. Its connections are prepared as those of the application are.
 */
export function createOwnPool (pool: pg.Pool): pg.Pool {
  const Pool = pool.constructor as new (options: Options) => pg.Pool
  const { Client } = pool as unknown as { Client: ClientClass }
  const own = new Pool({
    ...readOptions(pool),
    Client,
    max: 2,
    min: 0,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: CONNECT_MS,
    allowExitOnIdle: true,
    query_timeout: QUERY_MS,
    statement_timeout: QUERY_MS
  })
  own.on('error', ignoreError)
  own.on('connect', (client) => {
    for (const listener of pool.listeners('connect')) listener.call(pool, client)
  })
  return own
}

/** Runs `work` with a client that connects as those of a pool do, and that nothing limits. */
export async function withFreshClient<T> (pool: pg.Pool, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = createClient(pool, {})
  client.on('error', ignoreError)
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Runs `work` with a client of a pool. A client that has failed is not used again. */
export async function withClient<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  client.on('error', ignoreError)
  let hasFailed = true
  try {
    const result = await work(client)
    hasFailed = false
    return result
  } finally {
    client.off('error', ignoreError)
    client.release(hasFailed)
  }
}

/** A lost connection rejects the query that runs, and the next query connects again. */
function ignoreError (): void {}
