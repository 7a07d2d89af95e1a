import { sql } from 'drizzle-orm'
import { sqliteTable, text } from 'drizzle-orm/sqlite-core'
import t from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { advancedTo, isoTime, NOW, toIsoTime } from '../../../src/products/sqlite/columns.ts'

t.test('isoTime reads all formats of SQLite as ISO 8601', async (t) => {
  const forms: Array<[string, string]> = [
    ['2026-01-31T12:00:00.000Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:00.123', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31 12:00:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31T12:00:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31 12:00:00.123456Z', '2026-01-31T12:00:00.123Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
    ['2026-01-31 12:00 -05:30', '2026-01-31T17:30:00.000Z']
  ]
  for (const [written, read] of forms) t.equal(toIsoTime(written), read, written)
})

t.test('isoTime returns text that is not a time unchanged', async (t) => {
  for (const junk of [
    '', 'yesterday', 'lot 7', '7', '2026-99-99', '2026-01-31 25:61', '31.01.2026', '2026-01-31T12:00:00.000Z and more'
  ]) {
    t.equal(toIsoTime(junk), junk)
  }
  t.equal(toIsoTime(1767225600), '1767225600')
  t.equal(toIsoTime(null), 'null')
})

t.test('columns with times', async (t) => {
  const database = openDatabase('file::memory:')
  t.teardown(() => database.close())
  const notes = sqliteTable('notes', { name: text().primaryKey(), at: isoTime().notNull().default(NOW) })
  await database.transaction(() => database.sql.run(sql`CREATE TABLE notes (name text PRIMARY KEY, at text)`))

  /** The column after an update at `now`. */
  const move = (at: string | null, now: string) => database.transaction(async () => {
    await database.sql.run(sql`DELETE FROM notes`)
    await database.sql.run(sql`INSERT INTO notes VALUES ('moving', ${at})`)
    return (await database.sql.update(notes).set({ at: advancedTo(notes.at, now) }).returning().get())!.at
  })
  const NOON = '2026-01-31T12:00:00.000Z'

  t.test('NOW is the current time in ISO 8601', async (t) => {
    const { at } = await database.transaction(
      () => database.sql.insert(notes).values({ name: 'now' }).returning().get()
    )
    t.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    t.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
  })

  t.test('advancedTo sets the current time', async (t) => {
    t.equal(await move('2026-01-31T11:59:59.999Z', NOON), NOON)
    t.equal(await move('2025-12-31 23:59', NOON), NOON)
    t.equal(await move('2026-01-31 11:00', NOON), NOON)
  })

  t.test('advancedTo advances within one millisecond', async (t) => {
    t.equal(await move(NOON, NOON), '2026-01-31T12:00:00.001Z')
    t.equal(await move('2026-01-31T12:00:00.999Z', NOON), '2026-01-31T12:00:01.000Z')
    t.equal(await move('2026-12-31T23:59:59.999Z', NOON), '2027-01-01T00:00:00.000Z')
  })

  t.test('advancedTo never goes back if the system clock does', async (t) => {
    t.equal(await move('2026-01-31T15:00:00.000Z', NOON), '2026-01-31T15:00:00.001Z')
    t.equal(await move('2026-01-31 15:00:00', NOON), '2026-01-31T15:00:00.001Z')
    t.equal(await move('2026-02-01', NOON), '2026-02-01T00:00:00.001Z')
  })

  t.test('advancedTo advances by 1 ms at each of 1,000 updates', async (t) => {
    let at = NOON
    for (let i = 1; i <= 1000; i++) {
      const next = await move(at, NOON)
      if (Date.parse(next) !== Date.parse(at) + 1) t.fail(`${at} moved to ${next}`)
      at = next
    }
    t.equal(at, '2026-01-31T12:00:01.000Z')
  })

  t.test('advancedTo replaces text that is not a time', async (t) => {
    t.equal(await move('zebra', NOON), NOON)
    t.equal(await move('yesterday', NOON), NOON)
    t.equal(await move('', NOON), NOON)
    t.equal(await move(null, NOON), NOON)
  })
})
