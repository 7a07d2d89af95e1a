import { relations } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import type { Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { postgresClock, type PostgresClockOptions } from '../../../src/larder/postgres.ts'
import type { PrivatePostgres } from '../../support/postgres.ts'

export const authors = pgTable('authors', { id: integer().primaryKey(), name: text().notNull() })
export const posts = pgTable('posts', {
  id: integer().primaryKey(),
  authorId: integer('author_id').notNull().references(() => authors.id),
  title: text().notNull()
})
export const schema = {
  authors,
  posts,
  authorsRelations: relations(authors, ({ many }) => ({ posts: many(posts) })),
  postsRelations: relations(posts, ({ one }) => ({
    author: one(authors, { fields: [posts.authorId], references: [authors.id] })
  }))
}

/** What the application itself has created. */
export const MIGRATION = `
  CREATE TABLE authors (id integer PRIMARY KEY, name text NOT NULL);
  CREATE TABLE posts (id integer PRIMARY KEY, author_id integer NOT NULL REFERENCES authors, title text NOT NULL);
  CREATE INDEX posts_author ON posts (author_id);
  INSERT INTO authors VALUES (1, 'Ada'), (2, 'Bob');
  INSERT INTO posts VALUES (1, 1, 'one'), (2, 2, 'two')`

export interface BlogOptions extends PostgresClockOptions {
  /** Options of the pool of the application. */
  pool?: pg.PoolConfig
}

/** Creates a database of another application, with a clock and a cache. */
export async function createBlog (
  t: Test, postgres: PrivatePostgres, { pool: options, ...clockOptions }: BlogOptions = {}
) {
  const pool = await postgres.createPool(t, options)
  await pool.query(MIGRATION)
  const clock = await postgresClock(pool, clockOptions)
  t.teardown(() => clock.close())
  const db = drizzle({ client: pool, schema, logger: clock.logger })
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  let loads = 0
  /** Returns the value of a query, and how many of them have run so far. */
  const cached = async <T>(key: string, query: () => T) => {
    const value = await cache.getOrSet(key, async () => { loads++; return await query() })
    return [loads, value] as const
  }
  return { pool, clock, db, cache, cached }
}
