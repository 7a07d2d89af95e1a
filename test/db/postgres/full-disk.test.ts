import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, statSync } from 'node:fs'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { startPostgres } from '../../support/postgres.ts'
import { openNotes } from './support.ts'

/** Mounts a small file system. Returns false if this user or machine may not. */
function mountSmall (t: Test, folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return false
  }
  t.teardown(() => { execFileSync('umount', ['-l', folder]) })
  return true
}

t.test('while the disk of the server is full, changes are 503, and reads go on', async (t) => {
  const postgres = await startPostgres(t)
  const folder = `${postgres.host}/small`
  mkdirSync(folder)
  if (!mountSmall(t, folder)) return t.comment('skipped: it takes the right to mount a file system')
  const { uid, gid } = statSync(postgres.host)
  chownSync(folder, uid, gid)
  const { database, pool, titles, add, warnings } = await openNotes(t, {}, postgres)
  await pool.query(`CREATE TABLESPACE small LOCATION '${folder}'`)
  await pool.query('ALTER TABLE products SET TABLESPACE small')
  const fill = () => database.transaction(async () => {
    await add('a')
    await database.sql.execute(sql`INSERT INTO products (title, price)
      SELECT string_agg(md5(random()::text), ''), '1' FROM generate_series(1, 200000) i GROUP BY i % 2000`)
  })
  for (let attempts = 0; attempts < 2; attempts++) {
    await t.rejects(fill(), { code: 'LARDER_DATABASE_FULL', statusCode: 503 })
  }
  t.match(warnings, [/^There is no space for the PostgreSQL at .*No space left.* so changes are refused\. Free some space/])
  t.same(await titles(), [])
  t.equal(await database.checkState(), 'ok')
  await pool.query('ALTER TABLE products SET TABLESPACE pg_default')
  await database.transaction(() => add('b'))
  t.same(await titles(), ['b'])
})
