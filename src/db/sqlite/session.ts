import { entityKind, type Logger } from 'drizzle-orm'
import { NoopCache } from 'drizzle-orm/cache/core'
import { BaseSQLiteDatabase, SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { type AsyncRemoteCallback, RemotePreparedQuery, SQLiteRemoteSession } from 'drizzle-orm/sqlite-proxy'
import type { Statement, StatementResult } from './statement-runner.ts'

/** The result of a statement that returns no rows. */
export interface RunResult {
  /** The number of rows that it inserted, updated or deleted. */
  readonly changes: number
  readonly lastInsertRowid: number | bigint
}

/** Drizzle's handle of a database whose statements run elsewhere. */
export type Sql = BaseSQLiteDatabase<'async', RunResult>

/** Runs a statement on the connection that the caller needs. */
export type Execute = (statement: Statement) => Promise<StatementResult>

/**
 * Creates a handle of Drizzle, on its driver `sqlite-proxy`. In contrast to that of the driver, its rejections are the
 * errors themselves, which have a status, and the rows of plain SQL are objects.
 */
export function createSql (execute: Execute, logger: Logger): Sql {
  const dialect = new SQLiteAsyncDialect()
  const session = new Session(execute, dialect, logger)
  return new BaseSQLiteDatabase('async', dialect, session, undefined) as unknown as Sql
}

const CACHE = new NoopCache()

class Session extends SQLiteRemoteSession<Record<string, never>, Record<string, never>> {
  static override readonly [entityKind]: string = 'LarderSession'
  readonly #execute: Execute
  readonly #logger: Logger

  constructor (execute: Execute, dialect: SQLiteAsyncDialect, logger: Logger) {
    super(createCallback(execute, false), dialect, undefined)
    this.#execute = execute
    this.#logger = logger
  }

  override prepareQuery (...[query, fields, method, isArray, map]: Parameters<SQLiteRemoteSession<
    Record<string, never>, Record<string, never>>['prepareQuery']>): PreparedQuery {
    const callback = createCallback(this.#execute, fields !== undefined || map !== undefined)
    return new PreparedQuery(callback, query, this.#logger, CACHE, undefined, undefined, fields, method, isArray, map)
  }

  override transaction (): never {
    throw new Error('Use database.transaction() in place of the method of Drizzle.')
  }
}

class PreparedQuery extends RemotePreparedQuery {
  static override readonly [entityKind]: string = 'LarderPreparedQuery'

  /** Replaces a method that wraps each error in one with the SQL and its parameters. */
  queryWithCache<T> (_sql: string, _parameters: unknown[], query: () => Promise<T>): Promise<T> {
    return query()
  }
}

/** @param hasMapper whether Drizzle makes objects of the rows */
function createCallback (execute: Execute, hasMapper: boolean): AsyncRemoteCallback {
  return async (sql, parameters, method) => {
    const asArrays = hasMapper || method === 'values'
    const result = await execute({ method: method === 'values' ? 'all' : method, sql, parameters, asArrays })
    return result as { rows: unknown[] }
  }
}
