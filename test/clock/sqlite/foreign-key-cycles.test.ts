import t from 'tap'
import { clockwork, takeStamp } from './clock-support.ts'

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
