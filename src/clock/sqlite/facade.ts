import type Sqlite from 'better-sqlite3'

/** The method `prepare` of connections that are watched, from before. */
const originals = new WeakMap<Sqlite.Database, Sqlite.Database['prepare']>()

/**
 * Returns the connection of an application as the clock uses it: its statements are not tracked, and return numbers
 * whatever the application has set with `defaultSafeIntegers`.
 */
export function createFacade (connection: Sqlite.Database): Sqlite.Database {
  const prepare = (sql: string) => {
    const original = originals.get(connection) ?? connection.prepare
    return original.call(connection, sql).safeIntegers(false)
  }
  return { prepare } as unknown as Sqlite.Database
}

/** Returns a function whose result changes when tables are hidden or added on one connection alone. */
export function readOwnNames (facade: Sqlite.Database): () => string {
  const temporary = facade.prepare<[], number>('PRAGMA temp.schema_version').pluck()
  const attached = facade.prepare<[], string>("SELECT group_concat(name || ':' || file) FROM pragma_database_list")
    .pluck()
  return () => `${temporary.get()} ${attached.get()}`
}

type LogQuery = (sql: string, parameters: unknown[]) => void

/** Those that are called for each statement of a watched connection, one for each clock. */
const listeners = new WeakMap<Sqlite.Database, Set<LogQuery>>()

/** Calls `logQuery` for each statement that is prepared on a connection from now on, when it runs. */
export function watchStatements (connection: Sqlite.Database, logQuery: LogQuery): void {
  const known = listeners.get(connection)
  if (known !== undefined) {
    known.add(logQuery)
    return
  }
  const all = new Set([logQuery])
  listeners.set(connection, all)
  const log = (sql: string, parameters: unknown[]) => { for (const logQuery of all) logQuery(sql, parameters) }
  const { prepare, exec, pragma } = connection
  originals.set(connection, prepare)
  connection.prepare = ((sql: string) => {
    const statement = prepare.call(connection, sql)
    for (const name of ['run', 'get', 'all', 'iterate'] as const) {
      const run = statement[name] as (this: unknown, ...parameters: unknown[]) => unknown
      Object.defineProperty(statement, name, {
        configurable: true,
        writable: true,
        value (...parameters: unknown[]) {
          log(sql, parameters.flat())
          return run.apply(statement, parameters)
        }
      })
    }
    return statement
  }) as typeof prepare
  connection.exec = (sql) => {
    log(sql, [])
    return exec.call(connection, sql)
  }
  connection.pragma = (source, options) => {
    log(`PRAGMA ${source}`, [])
    return pragma.call(connection, source, options)
  }
}

/** Stops to call `logQuery`. */
export function unwatchStatements (connection: Sqlite.Database, logQuery: LogQuery): void {
  listeners.get(connection)?.delete(logQuery)
}
