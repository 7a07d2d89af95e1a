import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { findPrograms } from '../../../servers/postgres.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { createBlog } from './blog.ts'

const postgres = await sharePostgres(t)
const programs = findPrograms().folder

/** Runs a program of PostgreSQL, which must have nothing to complain about. Returns its output. */
function run (program: string, database: string, options: string[], input: Uint8Array = new Uint8Array()): Buffer {
  return execFileSync(join(programs, program), ['-h', postgres.host, '-U', 'postgres', '-d', database, ...options], {
    input, stdio: ['pipe', 'pipe', 'pipe']
  })
}

for (const [format, restore] of [
  ['custom', ['pg_restore', '--exit-on-error']],
  ['plain', ['psql', '-q', '-v', 'ON_ERROR_STOP=1']]
] as const) {
  t.test(`a database that was restored from a ${format} dump has a clock of its own`, async (t) => {
    const blog = await createBlog(t, postgres)
    const stamp = await blog.clock.versions.stamp()
    await blog.pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
    const dump = run('pg_dump', blog.pool.options.database!, [`--format=${format}`])
    const { options: { database } } = await postgres.createPool(t)
    const [program, ...flags] = restore
    run(program, database!, flags, dump)

    const pool = new pg.Pool({ host: postgres.host, user: 'postgres', database })
    t.teardown(() => pool.end())
    const clock = await postgresClock(pool, { onWarning: (message) => t.fail(message) })
    t.teardown(() => clock.close())
    const { versions } = clock
    t.equal(await versions.firstChanged(stamp, ['posts:2']), 'posts:2', 'stamps of the other database are void')
    const own = await versions.stamp()
    await pool.query("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.equal(await versions.firstChanged(own, ['posts:1']), undefined)
    t.equal(await versions.firstChanged(own, ['posts:2']), 'posts:2')
  })
}
