import type pg from 'pg'
import { currentReads } from '../../cache/index.ts'

type LogQuery = (sql: string, parameters: readonly unknown[]) => void
type Query = (this: unknown, ...parameters: any[]) => unknown

/** Texts that begin a transaction, maybe after others. */
const BEGIN = /(?:^|;)(?:\s|--.*\n|\/\*.*?\*\/)*(?:begin|start\s+transaction)\b/is

/** Statements that change nothing, if no function in them does. */
const READ = /^(?:\s|--.*\n|\/\*.*?\*\/|\()*(?:select|with|values|table|show|explain|begin|start|set|fetch|declare)\b/is
const WRITE = /\b(?:insert|update|delete|merge|into)\b|;\s*\S/i

/** Gets to know when this process may be changing something. */
export interface WriteListener {
  beginChange (): void
  endChange (): void
}

/** Those that are called for each statement of a watched pool. */
const listeners = new WeakMap<pg.Pool, Set<LogQuery>>()
const writeListeners = new WeakMap<pg.Pool, Set<WriteListener>>()
const watchedPools = new WeakSet<pg.Pool>()
const watchedClients = new WeakSet<pg.ClientBase>()
/** Queries that `pool.query` has reported, and a client gets from it. */
const reported = new WeakSet<object>()

/**
 * Sees to it that nothing is stored that depends on what a transaction has read, since it may be rolled back. The
 * statements of a transaction use a client of the pool, which knows whether one is open.
 */
export function watchTransactions (pool: pg.Pool): void {
  if (watchedPools.has(pool)) return
  watchedPools.add(pool)
  pool.on('acquire', (client) => watchClient(pool, client))
}

/**
 * Notes when a statement of the pool begins that may change something, and when it has ended. Each `COMMIT` is one.
 * The caller of the statement gets its result later than that, or at the same time.
 */
export function watchWrites (pool: pg.Pool, listener: WriteListener): void {
  const known = writeListeners.get(pool)
  if (known === undefined) writeListeners.set(pool, new Set([listener]))
  else known.add(listener)
}

/** Calls `logQuery` for each statement that is run through a pool or a client of it. */
export function watchPool (pool: pg.Pool, logQuery: LogQuery): void {
  const known = listeners.get(pool)
  if (known !== undefined) {
    known.add(logQuery)
    return
  }
  listeners.set(pool, new Set([logQuery]))
  const query = pool.query as Query
  pool.query = function (this: unknown, ...parameters: any[]) {
    notify(pool, parameters)
    // The client may get it in the async context of another caller.
    const [given, ...rest] = parameters
    const text = typeof given === 'string' ? { text: given } : given
    const config = typeof text?.submit === 'function' ? text : { ...text }
    reported.add(config)
    return query.call(pool, config, ...rest)
  } as typeof pool.query
}

function watchClient (pool: pg.Pool, client: pg.PoolClient): void {
  if (watchedClients.has(client)) return
  watchedClients.add(client)
  let hasBegun = false
  /** Present while a statement runs that may write. */
  let writing: WriteListener[] | undefined
  const onIdle = () => {
    hasBegun = false
    writing?.forEach((listener) => listener.endChange())
    writing = undefined
  }
  client.on('drain', onIdle)
  client.on('end', onIdle)
  const query = client.query as Query
  client.query = function (this: unknown, ...parameters: any[]) {
    const [text] = readQuery(parameters)
    if (writing === undefined && !isRead(text)) {
      writing = [...writeListeners.get(pool)!] // each clock watches both
      writing.forEach((listener) => listener.beginChange())
    }
    if (reported.has(parameters[0])) return query.apply(client, parameters)
    notify(pool, parameters)
    if (BEGIN.test(text)) hasBegun = true
    if (hasBegun || isInTransaction(client)) currentReads()?.doNotStore('uncommitted-read')
    return query.apply(client, parameters)
  } as typeof client.query
}

function isRead (text: string): boolean {
  return READ.test(text) && !WRITE.test(text)
}

/** Whether a transaction was open when the last query had ended. Before the first one, the driver returns null. */
function isInTransaction (client: pg.ClientBase): boolean {
  const status = (client as unknown as { getTransactionStatus (): string | null }).getTransactionStatus()
  return status === 'T' || status === 'E'
}

function notify (pool: pg.Pool, parameters: readonly unknown[]): void {
  const [text, values] = readQuery(parameters)
  for (const logQuery of listeners.get(pool) ?? []) logQuery(text, values)
}

function readQuery ([query, values]: readonly unknown[]): [text: string, values: readonly unknown[]] {
  const config = typeof query === 'string' ? { text: query } : query as { text?: string, values?: unknown[] }
  const given = Array.isArray(values) ? values : config.values ?? []
  return [String(config.text), given]
}
