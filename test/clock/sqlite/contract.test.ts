import { execFileSync } from 'node:child_process'
import Sqlite from 'better-sqlite3'
import { asc, eq, sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { clockContract } from '../../support/clock-contract/index.ts'
import type { Blog, Queries } from '../../support/clock-contract/set-up.ts'
import { authors, createBlog, posts } from './blog.ts'

type Handle = ReturnType<typeof createBlog>['db']

function writeQueries (db: Handle): Queries {
  const list = (rows: Array<{ title: string }> = []) => rows.map(({ title }) => title)
  return {
    titles: () => list(db.select().from(posts).orderBy(asc(posts.id)).all()),
    title: (id) => db.select().from(posts).where(eq(posts.id, id)).get()?.title,
    titlesBy: (authorId) => list(db.select().from(posts).where(eq(posts.authorId, authorId)).all()),
    titlesOfAuthor: async (id) =>
      list((await db.query.authors.findFirst({ where: eq(authors.id, id), with: { posts: true } }))?.posts),
    authorNames: async () =>
      (await db.query.posts.findMany({ with: { author: true } })).map(({ author }) => author.name),
    column: (text) => db.values<[unknown]>(sql.raw(text)).map(([value]) => value)
  }
}

function setUp (t: Test, wal: boolean): Blog {
  const { path, connection, clock, db, cache } = createBlog(t, { wal })
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  const queries = writeQueries(db)
  return {
    clock,
    cache,
    queries,
    run: (sql) => connection.exec(sql),
    runElsewhere: (sql) => other.exec(sql),
    runInProgram (sql) {
      const program = `new (require('better-sqlite3'))(${JSON.stringify(path)}).exec(${JSON.stringify(sql)})`
      execFileSync(process.execPath, ['-e', program], { env: { PATH: process.env.PATH } })
    },
    async rollBack (work) {
      connection.exec('BEGIN')
      await work(queries, (sql) => connection.exec(sql))
      connection.exec('ROLLBACK')
    }
  }
}

for (const wal of [true, false]) {
  t.test(`with journal_mode = ${wal ? 'WAL' : 'DELETE'}`, async (t) => {
    clockContract(t, async (t) => setUp(t, wal))
  })
}
