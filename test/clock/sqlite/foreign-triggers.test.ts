import type Sqlite from 'better-sqlite3'
import t from 'tap'
import { type Clockwork, clockwork, takeStamp, tagsRead } from './clock-support.ts'

const SCHEMA = `
  CREATE TABLE items (id INTEGER PRIMARY KEY, v);
  CREATE TABLE log (id INTEGER PRIMARY KEY, text UNIQUE);
  CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items ON DELETE CASCADE ON UPDATE CASCADE);`
const DATA = `
  DELETE FROM items; DELETE FROM log; DELETE FROM parts;
  INSERT INTO items VALUES (7, 1), (8, 1); INSERT INTO log VALUES (1, 'taken'); INSERT INTO parts VALUES (1, 7);`

/** Changes of row 7, or of row 9 that does not exist yet. */
const CHANGES = [
  ['INSERT', 'INSERT OR FAIL INTO items VALUES (9, 1)', 9],
  ['INSERT', 'INSERT OR FAIL INTO items (v) VALUES (1)', 9],
  ['UPDATE', 'UPDATE OR FAIL items SET v = 2 WHERE id = 7', 7],
  ['UPDATE', 'UPDATE OR FAIL items SET id = 9 WHERE id = 7', 9],
  ['DELETE', 'DELETE FROM items WHERE id = 7', 7]
] as const

/** What keeps a change and skips the triggers that follow. */
const SKIPS: Record<string, string> = {
  'RAISE(IGNORE)': 'SELECT RAISE(IGNORE)',
  'RAISE(IGNORE) after another change': "INSERT INTO log (text) VALUES ('more'); SELECT RAISE(IGNORE)",
  'RAISE(FAIL)': "SELECT RAISE(FAIL, 'no')",
  'OR FAIL and a statement that fails': "INSERT OR FAIL INTO log (text) VALUES ('taken')"
}

const quietly = (connection: Sqlite.Database, statement: string) => {
  try {
    connection.exec(statement)
  } catch {} // the change is kept nevertheless
}

const readAll = ({ other }: Clockwork) => JSON.stringify(other.prepare('SELECT * FROM items').all())

t.test('a trigger of others that keeps a change cannot prevent that it is counted', async (t) => {
  for (const [name, body] of Object.entries(SKIPS)) {
    t.test(name, async (t) => {
      const works = clockwork(t, SCHEMA)
      const { database, other, open, movedBy } = works
      for (const [event, statement, row] of CHANGES) {
        other.exec(`DROP TRIGGER IF EXISTS theirs; ${DATA}
          CREATE TRIGGER theirs AFTER ${event} ON Items BEGIN ${body}; END`)
        open()
        t.same(await tagsRead(database, 'SELECT v FROM items WHERE id = 7'), ['items:7'])
        const before = readAll(works)
        const tags = ['items', `items:${row}`]
        t.same(await movedBy(tags, () => quietly(other, statement)), tags, statement)
        t.not(readAll(works), before, 'the change is made')
      }
    })
  }
})

t.test('a trigger of others below a foreign key cannot prevent that a change is counted', async (t) => {
  const works = clockwork(t, SCHEMA)
  const { other, open, movedBy } = works
  other.exec(DATA + "CREATE TRIGGER theirs AFTER DELETE ON parts BEGIN SELECT RAISE(FAIL, 'no'); END")
  open()
  other.pragma('foreign_keys = ON')
  t.same(await movedBy(['items', 'items:7', 'parts:1'], () => quietly(other, 'DELETE FROM items WHERE id = 7')), [
    'items', 'items:7', 'parts:1'
  ])
  t.same(other.prepare('SELECT id FROM items').pluck().all(), [8])
})

t.test('with triggers of others, each row is still counted by itself', async (t) => {
  const { database, other, open, movedBy } = clockwork(t, SCHEMA)
  other.exec(DATA + 'CREATE TRIGGER theirs AFTER UPDATE ON items BEGIN INSERT INTO log (text) VALUES (NEW.v); END')
  open()
  const tags = ['items', 'items:7', 'items:8', 'items:9']
  t.same(await movedBy(tags, () => other.exec('UPDATE items SET v = 5 WHERE id = 7')), ['items', 'items:7'])
  t.same(await movedBy(tags, () => other.exec('INSERT INTO items (v) VALUES (1)')), ['items', 'items:9'])
  t.same(await movedBy(tags, () => other.exec('DELETE FROM items WHERE id = 9')), ['items', 'items:9'])
  t.same(await movedBy(tags, () => other.exec('BEGIN; UPDATE items SET v = id; ROLLBACK')), [])
  t.same(await movedBy(tags, () => quietly(other, "UPDATE items SET v = 'taken'")), [], 'it fails and is undone')
  const readVersion = () => database.versions.versionOf!('items:8')
  const before = readVersion()
  other.exec('UPDATE items SET v = 6 WHERE id = 7')
  t.equal(readVersion(), before)
})

t.test('the version of a tag differs after a change that only the guard noticed', async (t) => {
  const { database, other, open } = clockwork(t, SCHEMA)
  other.exec(DATA + 'CREATE TRIGGER theirs AFTER UPDATE ON items BEGIN SELECT RAISE(IGNORE); END')
  open()
  const { versionOf } = database.versions
  const before = [versionOf!('items'), versionOf!('items:7')]
  other.exec('UPDATE items SET v = 6 WHERE id = 7')
  t.not(versionOf!('items'), before[0])
  t.not(versionOf!('items:7'), before[1])
})

t.test('the guard disappears with the triggers of others', async (t) => {
  const { database, other, open, movedBy } = clockwork(t, SCHEMA)
  const count = () => other.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'").pluck().get()
  const before = count()
  other.exec(DATA + 'CREATE TRIGGER theirs AFTER UPDATE ON parts BEGIN SELECT 1; END')
  t.equal(await tagsRead(database, 'SELECT * FROM items'), 'unwatched-read', 'not cached before the next start')
  open()
  t.equal(count(), Number(before) + 1 + 2 * 3, 'for parts, and for items, to which it refers')
  other.exec('DROP TRIGGER theirs')
  t.equal(await tagsRead(database, 'SELECT * FROM items'), 'unwatched-read', 'not cached before the next start')
  open()
  t.equal(count(), before)
  t.same(await movedBy(['items', 'items:7', 'items:8'], () => other.exec('UPDATE items SET v = 5 WHERE id = 7')), [
    'items', 'items:7'
  ])
})

t.test('a guard whose counter was deleted is made again at the next start', async (t) => {
  const { database, other, open, isCurrent } = clockwork(t, SCHEMA)
  other.exec(DATA + 'CREATE TRIGGER theirs AFTER UPDATE ON items BEGIN SELECT RAISE(IGNORE); END')
  open()
  const stamp = takeStamp(database)
  other.exec("DELETE FROM larder_clock WHERE name = ':guard:items'")
  t.equal(isCurrent(stamp, 'items'), false)
  t.equal(await tagsRead(database, 'SELECT * FROM items'), 'unwatched-read')
  open()
  t.equal(isCurrent(stamp, 'items'), false)
  t.same(await tagsRead(database, 'SELECT * FROM items'), ['items'])
})

t.test('while others have triggers on the tables of the clock, nothing is valid', async (t) => {
  const { database, other, isCurrent } = clockwork(t, SCHEMA)
  for (const table of ['larder_clock', 'Larder_Slots']) {
    const stamp = takeStamp(database)
    other.exec(`CREATE TRIGGER theirs BEFORE UPDATE ON ${table} BEGIN SELECT RAISE(IGNORE); END`)
    t.equal(isCurrent(stamp, 'items'), false)
    t.equal(isCurrent(takeStamp(database), 'a name'), false)
    other.exec('DROP TRIGGER theirs')
    t.equal(isCurrent(takeStamp(database), 'items', 'a name'), true)
  }
})
