import t from 'tap'
import { describeValue } from '../../../src/clock/sqlite/slots.ts'
import { clockwork, tagsRead } from './clock-support.ts'

const SCHEMA = `
  CREATE TABLE items (id INTEGER PRIMARY KEY, code TEXT UNIQUE, shelf INTEGER, place INTEGER, "group" TEXT,
    UNIQUE (shelf, place));
  CREATE INDEX items_group ON items ("group");
  CREATE UNIQUE INDEX items_code ON items (code COLLATE NOCASE);
  INSERT INTO items VALUES (1, 'a', 1, 1, 'x'), (2, 'b', 1, 2, 'y'), (3, 'c', 2, 1, 'z');
  CREATE TABLE words (word TEXT PRIMARY KEY, topic INTEGER) WITHOUT ROWID;
  CREATE INDEX words_topic ON words (topic);
  INSERT INTO words VALUES ('a', 1), ('b', 2)`

const text = (column: string, value: string) => `${column}=${describeValue(value)}`
const x = text('items:group', 'x')
const [y, z] = [text('items:group', 'y'), text('items:group', 'z')]

/** Each replaces a row that its other clauses do not name. */
const CHANGES: Array<[what: string, change: string, replaced: string[]]> = [
  ['the same number', "REPLACE INTO items VALUES (1, 'n', 9, 9, 'n')", [x, 'items:shelf=1']],
  ['the same number as text', "REPLACE INTO items VALUES ('1', 'n', 9, 9, 'n')", [x, 'items:shelf=1']],
  ['another column', "INSERT OR REPLACE INTO items VALUES (9, 'a', 9, 9, 'n')", ['items:1', x, 'items:shelf=1']],
  ['a text that is equal to it', "REPLACE INTO items VALUES (9, 'A', 9, 9, 'n')", ['items:1', x, 'items:shelf=1']],
  ['two columns', "REPLACE INTO items (code, shelf, place) VALUES ('n', 1, 1)", ['items:1', x, 'items:shelf=1']],
  ['several keys', "REPLACE INTO items VALUES (3, 'a', 1, 2, 'n')", ['items:1', 'items:2', 'items:3', x, y, z]],
  ['a changed number', 'UPDATE OR REPLACE items SET id = 1 WHERE id = 3', ['items:1', 'items:3', x, z]],
  ['a changed row number', 'UPDATE OR REPLACE items SET rowid = 1 WHERE id = 3', ['items:1', 'items:3', x, z]],
  ['another changed column', "UPDATE OR REPLACE items SET code = 'A' WHERE id = 3", ['items:1', 'items:3', x, z]],
  ['one of two columns', 'UPDATE OR REPLACE items SET shelf = 1 WHERE id = 3', ['items:1', 'items:3', x, z]],
  ['a key without row numbers', "REPLACE INTO words VALUES ('a', 7)", ['words:topic=1', 'words:topic=7']],
  ['a changed key', "UPDATE OR REPLACE words SET word = 'a' WHERE word = 'b'", ['words:topic=1', 'words:topic=2']]
]

for (const recursive of ['OFF', 'ON']) {
  t.test(`rows that REPLACE removes are counted, with recursive_triggers = ${recursive}`, async (t) => {
    const { other, movedBy } = clockwork(t, SCHEMA)
    other.pragma(`recursive_triggers = ${recursive}`)
    for (const [what, change, replaced] of CHANGES) {
      t.same(await movedBy(replaced, () => other.exec(change)), replaced, what)
      other.exec(`DELETE FROM items; DELETE FROM words; ${SCHEMA.match(/INSERT [^;]*/g)!.join(';')}`)
    }
  })
}

t.test('a change that replaces nothing moves no other rows', async (t) => {
  const { other, movedBy } = clockwork(t, SCHEMA)
  const others = ['items:2', y, 'items:shelf=1', z]
  for (const change of [
    "REPLACE INTO items VALUES (9, 'n', 9, 9, 'n')",
    "INSERT INTO items (code, shelf) VALUES ('m', NULL)",
    "UPDATE items SET id = 8, code = 'N', shelf = 8 WHERE id = 9",
    "UPDATE OR REPLACE items SET code = 'N' WHERE id = 8"
  ]) t.same(await movedBy(others, () => other.exec(change)), [], change)
})

t.test('a row that is updated in place of a new one invalidates what depends on it', async (t) => {
  const { other, movedBy } = clockwork(t, SCHEMA)
  const change = "INSERT INTO items (code, \"group\") VALUES ('a', 'n') ON CONFLICT DO UPDATE SET \"group\" = 'm'"
  t.same(await movedBy(['items:1', x, 'items:2', y], () => other.exec(change)), ['items:1', x])
  const ignored = "INSERT OR IGNORE INTO items (code, \"group\") VALUES ('b', 'n')"
  const tags = ['items', 'items:1', x, 'items:2', y, 'words']
  t.same(await movedBy(tags, () => other.exec(ignored)), ['items', 'items:2', y], 'also of one that is ignored')
})

t.test('columns named like those of the clock', async (t) => {
  const { database, other, movedBy } = clockwork(t, `
    CREATE TABLE odd (id INTEGER PRIMARY KEY, ticks UNIQUE, name, o); CREATE INDEX odd_name ON odd (name);
    INSERT INTO odd VALUES (1, 1, 5, 1)`)
  t.same(await tagsRead(database, 'SELECT * FROM odd WHERE name = 5'), ['odd:name=5'])
  t.same(await movedBy(['odd:1', 'odd:name=5'], () => other.exec('REPLACE INTO odd VALUES (2, 1, 6, 1)')),
    ['odd:1', 'odd:name=5'])
})

t.test('a row that is replaced by its number is counted, also if no column is an alias of it', async (t) => {
  const { other, movedBy } = clockwork(t, `
    CREATE TABLE plain (a TEXT);
    CREATE INDEX plain_a ON plain (a);
    CREATE TABLE keyed (k TEXT PRIMARY KEY);
    CREATE TABLE named (rowid TEXT, _rowid_ TEXT, a TEXT);
    CREATE INDEX named_a ON named (a);
    CREATE TABLE hidden (rowid TEXT, oid TEXT, _rowid_ TEXT, a TEXT);
    CREATE INDEX hidden_a ON hidden (a)`)
  const y = describeValue('y')
  for (const [tag, row, change] of [
    ['plain:a', "INSERT INTO plain (rowid, a) VALUES (1, 'y')", "REPLACE INTO plain (rowid, a) VALUES (1, 'x')"],
    ['keyed:k', "INSERT INTO keyed (oid, k) VALUES (1, 'y')", "REPLACE INTO keyed (_rowid_, k) VALUES (1, 'x')"],
    ['keyed:k', "INSERT INTO keyed (oid, k) VALUES (2, 'y')",
      "UPDATE OR REPLACE keyed SET oid = 2 WHERE k = 'x'"],
    ['named:a', "INSERT INTO named (oid, a) VALUES (1, 'y')", "REPLACE INTO named (oid, a) VALUES (1, 'x')"]
  ] as const) {
    other.exec(row)
    t.same(await movedBy([`${tag}=${y}`], () => other.exec(change)), [`${tag}=${y}`], change)
  }
  // The numbers of this one have no name.
  t.same(await movedBy([`hidden:a=${y}`], () => other.exec("REPLACE INTO hidden (a) VALUES ('x')")), [])
})
