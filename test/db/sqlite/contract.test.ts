import { sql } from 'drizzle-orm'
import t from 'tap'
import { testDatabase } from '../../support/database-contract/index.ts'
import { notes, sharedNotes } from '../support.ts'

/** Counts for a while, and cannot be interrupted. */
const LONG = sql`WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 1000000)
  SELECT count(*) FROM numbers`
const share = sharedNotes(t)

testDatabase(t, async (t, limits) => {
  const { database, add, titles } = limits === undefined ? share(t) : notes(t, limits)
  const { sql: handle } = database
  return {
    database,
    add,
    titles,
    fail: async () => { await handle.run(sql`INSERT INTO products (title) VALUES ('no price')`) },
    runLong: async () => { await handle.all(LONG) }
  }
})
