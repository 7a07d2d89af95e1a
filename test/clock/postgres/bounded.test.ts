import t from 'tap'
import type { Connection } from '../../../src/clock/postgres/connection.ts'
import { createLookStatement, Looks } from '../../../src/clock/postgres/looks.ts'
import { RecentChanges } from '../../../src/clock/postgres/recent-changes.ts'
import { fakeClock } from '../../support/clock.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { createBlog } from './blog.ts'

const postgres = await sharePostgres(t)

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('staleness counts from when the last look was sent, and changes of this process void it', async (t) => {
  const clock = fakeClock()
  const answers: Array<(error: Error | undefined, rows: unknown[][]) => void> = []
  const connection = { isReady: true, query: (_query: unknown, answer: typeof answers[0]) => { answers.push(answer) } }
  const reading = Promise.withResolvers<void>()
  const looks = new Looks({
    connection: connection as unknown as Connection,
    changes: new RecentChanges(),
    readSchema: () => reading.promise,
    statement: createLookStatement(true),
    now: clock.now
  })
  looks.beginHistory('a', '10:10:')
  t.equal(looks.staleness, undefined)
  const look = async (then = () => {}) => {
    const looked = looks.look()
    await turn()
    then()
    clock.advance(0.03)
    answers.shift()!(undefined, [['a', '11:11:', '1', null]])
    await looked
  }
  await look()
  t.equal(looks.staleness, 30)
  looks.beginChange()
  await look()
  t.equal(looks.staleness, undefined, 'it has not ended')
  looks.endChange()
  t.equal(looks.staleness, undefined, 'the look was sent before')
  await look()
  t.equal(looks.staleness, 30)
  await look(() => looks.expire())
  t.equal(looks.staleness, undefined)
  const failed = looks.look()
  await turn()
  answers.shift()!(new Error('lost'), [])
  await t.rejects(failed)
  t.equal(looks.staleness, undefined)
  await look()
  t.equal(looks.staleness, 30)
  const seen = looks.look()
  await turn()
  answers.shift()!(undefined, [['a', '12:12:', '1', '11:0:-1']])
  t.equal(looks.staleness, undefined, 'names are not known while the schema is read')
  reading.resolve()
  await seen
  t.equal(looks.staleness, 0)
})

t.test('with maxStaleness, a statement that may write is followed by a look, and a read is not', async (t) => {
  const { pool, cache, clock } = await createBlog(t, postgres)
  const isChecked = async () => {
    const bound = { maxMs: 1e9, isUsed: false }
    await cache.lookup('key', bound)
    return !bound.isUsed
  }
  const begin = async () => {
    await cache.set('key', 1, { tags: ['news'] }) // a change of the schema makes all entries invalid
    await isChecked()
    t.equal(await isChecked(), false)
  }
  for (const [sql, expected] of [
    ['SELECT 1', false], ['-- a\n/* b */ (SELECT 1)', false], ['WITH a AS (SELECT 1) SELECT * FROM a', false],
    ['BEGIN', false], ['COMMIT', true], ['VALUES (1)', false], ['EXPLAIN SELECT 1', false],
    ['SELECT deleted_at FROM (SELECT 1 AS deleted_at) a', false],
    ["WITH a AS (UPDATE posts SET title = 'x' RETURNING id) SELECT * FROM a", true],
    ["INSERT INTO authors VALUES (7, 'Eve')", true], ['SELECT 1; DELETE FROM authors WHERE id = 7', true],
    ['SELECT 1;', false], ['TRUNCATE posts', true], ['CREATE TABLE more (id int)', true], ['DO $$BEGIN END$$', true]
  ] as const) {
    await begin()
    await pool.query(sql)
    t.equal(await isChecked(), expected, sql)
  }
  await begin()
  await t.rejects(pool.query('UPDATE nothing SET a = 1'))
  t.equal(await isChecked(), true, 'one that fails')
  await begin()
  await cache.invalidateTags(['sports'])
  t.equal(await isChecked(), true, 'invalidateTags()')
  await begin()
  await clock.refresh()
  t.equal(await isChecked(), true, 'refresh()')
})

t.test('with maxStaleness, requests are checked while a statement runs that may write, and after it', async (t) => {
  const { pool, cache } = await createBlog(t, postgres)
  await cache.set('key', 1, { tags: ['posts'] })
  const lookUp = async () => {
    const bound = { maxMs: 1e9, isUsed: false }
    const found = await cache.lookup('key', bound)
    return 'miss' in found ? 'miss' : bound.isUsed ? 'bounded' : 'checked'
  }
  await lookUp()
  t.equal(await lookUp(), 'bounded')
  const client = await pool.connect()
  await client.query('BEGIN')
  await client.query("UPDATE posts SET title = 'x'")
  await lookUp()
  t.equal(await lookUp(), 'bounded', 'a transaction is open')
  const { promise: slept, resolve } = Promise.withResolvers<void>()
  client.query('DO $$BEGIN PERFORM pg_sleep(0.05); END$$', () => resolve())
  t.same([await lookUp(), await lookUp()], ['checked', 'checked'])
  await slept
  const committed = client.query('COMMIT')
  t.equal(await lookUp() === 'bounded', false)
  await committed
  t.equal(await lookUp(), 'miss')

  await cache.set('key', 1, { tags: ['posts'] })
  await lookUp()
  const lost = t.rejects(client.query('DO $$BEGIN PERFORM pg_sleep(10); END$$'))
  t.equal(await lookUp(), 'checked')
  client.release(true)
  await lost
  await lookUp()
  t.equal(await lookUp(), 'bounded', 'the connection was closed')
})

t.test('the staleness of an entry that another process has stamped is not known', async (t) => {
  const { clock } = await createBlog(t, postgres)
  const { versions } = clock
  const stamp = await versions.stamp(['posts'])
  t.type(versions.measureStaleness!(stamp, ['posts']), 'number')
  t.equal(versions.measureStaleness!('other/1:1:', ['posts']), undefined)
})
