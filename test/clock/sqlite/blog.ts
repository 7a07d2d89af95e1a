import Sqlite from 'better-sqlite3'
import { relations } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { sqliteClock, type SqliteClockOptions } from '../../../src/larder/sqlite.ts'

export const authors = sqliteTable('authors', { id: integer().primaryKey(), name: text().notNull() })
export const posts = sqliteTable('posts', {
  id: integer().primaryKey(),
  authorId: integer('author_id').notNull().references(() => authors.id),
  title: text().notNull()
})
const schema = {
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

/** Creates a database of another application, with a clock and a cache. */
export function createBlog (t: Test, { wal = true, ...options }: SqliteClockOptions & { wal?: boolean } = {}) {
  const path = `${t.testdir()}/blog.db`
  const connection = new Sqlite(path)
  if (wal) connection.pragma('journal_mode = WAL')
  connection.exec(MIGRATION)
  const clock = sqliteClock(connection, options)
  const db = drizzle({ client: connection, schema, logger: clock.logger })
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  t.teardown(() => {
    clock.close()
    connection.close()
  })
  let loads = 0
  /** Returns the value of a query, and how many of them have run so far. */
  const cached = async <T>(key: string, query: () => T) => {
    const value = await cache.getOrSet(key, async () => { loads++; return await query() })
    return [loads, value] as const
  }
  return { path, connection, clock, db, cache, cached }
}
