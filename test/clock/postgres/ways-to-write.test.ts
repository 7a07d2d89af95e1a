import t, { type Test } from 'tap'
import pg from 'pg'
import { postgresClock } from '../../../src/larder/postgres.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { SCHEMA, WAYS } from './ways-to-write.ts'

const postgres = await sharePostgres(t)

async function setUp (t: Test) {
  const pool = await postgres.createPool(t)
  await pool.query(SCHEMA)
  const clock = await postgresClock(pool, { onWarning: (message) => t.fail(message) })
  t.teardown(() => clock.close())
  const writer = new pg.Client({ host: postgres.host, user: 'postgres', database: pool.options.database! })
  await writer.connect()
  t.teardown(() => writer.end())
  return { versions: clock.versions, write: (sql: string) => writer.query(sql) }
}

/** Another text for the same stamp, which a clock does not recognize, so that it is compared inside the database. */
const hide = (stamp: string) => stamp.replace('/', '/0')

/** The first call notes which transactions have ended, and the second one folds them. */
async function fold (write: (sql: string) => Promise<unknown>): Promise<void> {
  for (let calls = 0; calls < 2; calls++) await write('SELECT larder.fold()')
}

const split = (tags: string) => tags.split(' ').filter((tag) => tag !== '')

t.test('every way to write changes the tags of what it changed, and no others', async (t) => {
  const { versions, write } = await setUp(t)
  const isChanged = async (stamp: string, tag: string) => await versions.firstChanged(stamp, [tag]) !== undefined
  t.ok(WAYS.length >= 80)
  for (const [title, sql, changed, unchanged] of WAYS) {
    const stamp = await versions.stamp()
    for (const part of sql.split(';;')) await write(part)
    for (const isFolded of [false, true]) {
      if (isFolded) await fold(write)
      for (const taken of [stamp, hide(stamp)]) {
        const how = `${isFolded ? ', folded' : ''}${taken === stamp ? '' : ', of another process'}`
        for (const tag of split(changed)) t.ok(await isChanged(taken, tag), `${title}: ${tag} has changed${how}`)
        for (const tag of split(unchanged)) t.notOk(await isChanged(taken, tag), `${title}: ${tag} has not${how}`)
      }
    }
  }
})

t.test('a transaction that was open when the stamp was taken changes tags when it commits', async (t) => {
  const { versions, write } = await setUp(t)
  await write('BEGIN; UPDATE items SET n = 1 WHERE id = 1')
  const stamp = await versions.stamp()
  const check = async (taken: string) => [
    await versions.firstChanged(taken, ['items:1']), await versions.firstChanged(taken, ['items:2'])
  ]
  t.same(await check(stamp), [undefined, undefined])
  t.same(await check(hide(stamp)), [undefined, undefined])
  await write('COMMIT')
  t.same(await check(stamp), ['items:1', undefined])
  t.same(await check(hide(stamp)), ['items:1', undefined])
  await fold(write)
  t.same(await check(hide(stamp)), ['items:1', undefined], 'after it was folded')
})
