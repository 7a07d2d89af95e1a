import type Sqlite from 'better-sqlite3'

/** The statements of clocks, which are not tracked. */
const ownStatements = new WeakSet<object>()

/**
 * Returns the connection of an application as the clock uses it: its statements are not tracked, and return numbers
 * whatever the application has set with `defaultSafeIntegers`.
 */
export function createFacade (connection: Sqlite.Database): Sqlite.Database {
  const prepare = (sql: string) => {
    const statement = connection.prepare(sql).safeIntegers(false)
    ownStatements.add(statement)
    return statement
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

/** Calls `logQuery` for each statement on a connection when it runs, also if it was prepared before. */
export function watchStatements (connection: Sqlite.Database, logQuery: LogQuery): void {
  const known = listeners.get(connection)
  if (known !== undefined) {
    known.add(logQuery)
    return
  }
  listeners.set(connection, new Set([logQuery]))
  reportStatements(Object.getPrototypeOf(connection.prepare('SELECT 1')))
  const { exec } = connection
  connection.exec = (sql) => {
    notify(connection, sql, [])
    return exec.call(connection, sql)
  }
}

/** Stops to call `logQuery`. */
export function unwatchStatements (connection: Sqlite.Database, logQuery: LogQuery): void {
  listeners.get(connection)?.delete(logQuery)
}

function notify (connection: Sqlite.Database, sql: string, parameters: unknown[]): void {
  for (const logQuery of listeners.get(connection) ?? []) logQuery(sql, parameters)
}

type Method = (this: Sqlite.Statement, ...parameters: unknown[]) => unknown

/** The prototypes whose methods report statements: one for each copy of better-sqlite3. */
const reporting = new WeakSet<object>()
/** Values that are bound to a statement for all its runs. */
const boundValues = new WeakMap<object, unknown[]>()

/** Replaces the methods that all statements share, so that those of watched connections are reported. */
function reportStatements (prototype: Record<'run' | 'get' | 'all' | 'iterate' | 'bind', Method>): void {
  if (reporting.has(prototype)) return
  reporting.add(prototype)
  for (const name of ['run', 'get', 'all', 'iterate'] as const) {
    const run = prototype[name]
    prototype[name] = function (...parameters) {
      if (!ownStatements.has(this)) notify(this.database, this.source, boundValues.get(this) ?? parameters.flat())
      return run.apply(this, parameters)
    }
  }
  const { bind } = prototype
  prototype.bind = function (...parameters) {
    bind.apply(this, parameters)
    // SQLite has copied them, too.
    boundValues.set(this, structuredClone(parameters.flat()))
    return this
  }
}
