import t from 'tap'
import { clockwork, tagsRead, takeStamp } from './clock-support.ts'

t.test('a table that refers to itself, without an action, is counted by row and value', async (t) => {
  const { database, other, movedBy } = clockwork(t, `
    CREATE TABLE items (id INTEGER PRIMARY KEY, parent REFERENCES items (id)); CREATE INDEX parents ON items (parent);
    INSERT INTO items VALUES (1, NULL), (2, 1), (3, 1)`)
  t.same(await tagsRead(database, 'SELECT * FROM items WHERE parent = 1'), ['items:parent=1'])
  const tags = ['items:1', 'items:2', 'items:3', 'items:parent=null', 'items:parent=1']
  t.same(await movedBy(tags, () => other.exec('REPLACE INTO items VALUES (2, NULL)')), [tags[1], tags[3], tags[4]])
})

/** Schemas in which row 2 of `items` is replaced by row 5, whose parent it is. */
const SCHEMAS: Record<string, string> = {
  'refers to itself': `
    CREATE TABLE items (id INTEGER PRIMARY KEY, parent REFERENCES items (id) ON DELETE CASCADE);
    INSERT INTO items VALUES (2, NULL), (5, 2)`,
  'refers to itself through another table': `
    CREATE TABLE items (id INTEGER PRIMARY KEY, parent REFERENCES groups (id) ON DELETE CASCADE);
    CREATE TABLE groups (id INTEGER PRIMARY KEY, owner REFERENCES Items (id) ON DELETE CASCADE);
    INSERT INTO items VALUES (2, NULL); INSERT INTO groups VALUES (9, 2); INSERT INTO items VALUES (5, 9)`
}

for (const [name, schema] of Object.entries(SCHEMAS)) {
  t.test(`a table that ${name} is counted as a whole, because REPLACE may cascade to the new row`, async (t) => {
    const { database, other, isCurrent } = clockwork(t, schema)
    other.pragma('foreign_keys = ON')
    other.pragma('recursive_triggers = OFF')
    const stamp = takeStamp(database)
    other.exec('UPDATE OR REPLACE items SET id = 2 WHERE id = 5')
    t.equal(other.prepare('SELECT count(*) FROM items').pluck().get(), 0)
    t.equal(isCurrent(stamp, 'items:2'), false)
  })
}
