import { execFileSync } from 'node:child_process'
import { asc, eq, sql, TransactionRollbackError } from 'drizzle-orm'
import pg from 'pg'
import t, { type Test } from 'tap'
import { clockContract } from '../../support/clock-contract/index.ts'
import type { Blog, Queries } from '../../support/clock-contract/set-up.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { authors, createBlog, posts } from './blog.ts'

type Handle = Pick<Awaited<ReturnType<typeof createBlog>>['db'], 'select' | 'query' | 'execute'>

const postgres = await sharePostgres(t)

function writeQueries (db: Handle): Queries {
  const list = (rows: Array<{ title: string }> = []) => rows.map(({ title }) => title)
  return {
    titles: async () => list(await db.select().from(posts).orderBy(asc(posts.id))),
    title: async (id) => (await db.select().from(posts).where(eq(posts.id, id)))[0]?.title,
    titlesBy: async (authorId) => list(await db.select().from(posts).where(eq(posts.authorId, authorId))),
    titlesOfAuthor: async (id) =>
      list((await db.query.authors.findFirst({ where: eq(authors.id, id), with: { posts: true } }))?.posts),
    authorNames: async () =>
      (await db.query.posts.findMany({ with: { author: true } })).map(({ author }) => author.name),
    column: async (text) => (await db.execute(sql.raw(text))).rows.map((row) => Object.values(row)[0])
  }
}

async function setUp (t: Test): Promise<Blog> {
  const { pool, clock, db, cache } = await createBlog(t, postgres)
  const { database } = pool.options
  const other = new pg.Client({ host: postgres.host, user: 'postgres', database })
  await other.connect()
  t.teardown(() => other.end())
  return {
    clock,
    cache,
    queries: writeQueries(db),
    run: (sql) => pool.query(sql),
    runElsewhere: (sql) => other.query(sql),
    runInProgram (sql) {
      execFileSync('psql', ['-q', '-h', postgres.host, '-U', 'postgres', '-d', database!, '-c', sql], { stdio: 'pipe' })
    },
    async rollBack (work) {
      const transaction = db.transaction(async (tx) => {
        await work(writeQueries(tx), (text) => tx.execute(sql.raw(text)))
        tx.rollback()
      })
      await transaction.catch((error) => { if (!(error instanceof TransactionRollbackError)) throw error })
    }
  }
}

clockContract(t, setUp)

t.test('tags change with the transaction whose client the clock knows', async (t) => {
  let client: pg.PoolClient | undefined
  const { pool, cache } = await createBlog(t, postgres, { transaction: () => client })
  await cache.set('a', 1, { tags: ['news'] })
  for (const [end, value] of [['ROLLBACK', 1], ['COMMIT', undefined]] as const) {
    client = await pool.connect()
    await client.query('BEGIN')
    await cache.invalidateTags(['news'])
    t.equal(await cache.get('a'), 1, 'the change is not committed')
    await client.query(end)
    t.equal(await cache.get('a'), value)
    client.release()
  }
})
