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

/** Calls `logQuery` for each statement that runs on a connection from now on. */
export function watchStatements (
  connection: Sqlite.Database, logQuery: (sql: string, parameters: unknown[]) => void
): void {
  if (originals.has(connection)) return
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
          logQuery(sql, parameters.flat())
          return run.apply(statement, parameters)
        }
      })
    }
    return statement
  }) as typeof prepare
  connection.exec = (sql) => {
    logQuery(sql, [])
    return exec.call(connection, sql)
  }
  connection.pragma = (source, options) => {
    logQuery(`PRAGMA ${source}`, [])
    return pragma.call(connection, source, options)
  }
}
