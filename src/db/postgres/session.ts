import { entityKind } from 'drizzle-orm'
import { NoopCache } from 'drizzle-orm/cache/core'
import { NoopLogger } from 'drizzle-orm/logger'
import { NodePgDatabase, type NodePgClient, NodePgPreparedQuery, NodePgSession } from 'drizzle-orm/node-postgres'
import { PgDialect, type PreparedQueryConfig } from 'drizzle-orm/pg-core'
import type { Result, Statement } from './connection.ts'

type Schema = Record<string, never>

/** Drizzle's handle of the database. */
export type PostgresSql = NodePgDatabase<Schema>

/** Runs a statement on the connection that the caller needs. */
export type Execute = (statement: Statement, values?: unknown[]) => Promise<Result>

/**
 * Creates a handle of Drizzle, on its driver `node-postgres`. In contrast to that of the driver, its rejections are the
 * errors themselves, which have a status.
 */
export function createSql (execute: Execute): PostgresSql {
  const dialect = new PgDialect()
  const session = new Session({ query: execute } as unknown as NodePgClient, dialect, undefined)
  return new NodePgDatabase(dialect, session as never, undefined)
}

const CACHE = new NoopCache()
const LOGGER = new NoopLogger()

class Session extends NodePgSession<Schema, Schema> {
  static override readonly [entityKind]: string = 'LarderPostgresSession'
  readonly #client: NodePgClient

  constructor (...[client, ...rest]: ConstructorParameters<typeof NodePgSession<Schema, Schema>>) {
    super(client, ...rest)
    this.#client = client
  }

  override prepareQuery<T extends PreparedQueryConfig> (
    ...[query, fields, name, isArray, map]: Parameters<NodePgSession<Schema, Schema>['prepareQuery']>
  ): NodePgPreparedQuery<T> {
    return new PreparedQuery<T>(
      this.#client, query.sql, query.params, LOGGER, CACHE, undefined, undefined, fields, name, isArray, map)
  }

  override transaction (): never {
    throw new Error('Use database.transaction() in place of the method of Drizzle.')
  }
}

class PreparedQuery<T extends PreparedQueryConfig> extends NodePgPreparedQuery<T> {
  static override readonly [entityKind]: string = 'LarderPostgresPreparedQuery'

  /** Replaces a method that wraps each error in one with the SQL and its parameters. */
  queryWithCache<R> (_sql: string, _parameters: unknown[], query: () => Promise<R>): Promise<R> {
    return query()
  }
}
