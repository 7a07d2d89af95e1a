import type Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import t from 'tap'
import { createTriggers } from '../../../src/clock/sqlite/triggers.ts'
import { recountRows } from '../../../src/clock/sqlite/recount-rows.ts'
import { writeKnownRows } from '../../../src/clock/sqlite/row-counts.ts'
import { soak } from '../../support/soak.ts'
import { clockwork } from './clock-support.ts'

/** A table whose column is indexed, one that depends on it, and one that writes to both by a trigger. */
const SCHEMA = `
  CREATE TABLE a (id INTEGER PRIMARY KEY, v, w);
  CREATE INDEX a_v ON a (v);
  CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT, v REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE, w);
  CREATE TABLE log (id INTEGER PRIMARY KEY, v, w);
  CREATE TRIGGER theirs AFTER INSERT ON log BEGIN
    INSERT INTO a (id, v) VALUES (NEW.v, NEW.w); UPDATE b SET id = NEW.w WHERE id = NEW.v; END;
  CREATE TRIGGER theirs_too AFTER DELETE ON log BEGIN
    UPDATE a SET id = OLD.w WHERE id = OLD.v; INSERT INTO b (id) VALUES (OLD.v); END`

const TABLES = ['a', 'b']

type Text = fc.Arbitrary<string>
const pick = (...values: string[]): Text => fc.constantFrom(...values)
const join = (...parts: Array<string | Text>): Text => fc.tuple(
  ...parts.map((part) => typeof part === 'string' ? fc.constant(part) : part)).map((texts) => texts.join(''))

const or = pick('', '', 'OR REPLACE ', 'OR REPLACE ', 'OR IGNORE ', 'OR FAIL ', 'OR ABORT ', 'OR ROLLBACK ')
const table = pick('a', 'a', 'b', 'b', 'log')
const small = pick('0', '1', '2', '3', '4', '-1', '-2')
const id = fc.oneof({ weight: 5, arbitrary: small },
  pick('NULL', "'3'", '2.0', "'x'", '9223372036854775807', '-9223372036854775808', '65537'))
const value = pick('NULL', '1', '2', '3', '7')
const key = pick('id', 'id', 'rowid', '_rowid_', 'OID')
const row = join('(', id, ', ', value, ', ', id, ')')
const where = pick('', ' WHERE id > 1', ' WHERE id = 2', ' WHERE v = 1', ' WHERE id IN (SELECT w FROM log)')
const from = join(' SELECT id', pick('', ' + 1', ' - 1', ' * 2'), ', 1, id FROM ', table, where)
const rows = fc.oneof(join(' VALUES ', row), join(' VALUES ', row, ', ', row, ', ', row), from)
const conflict = pick(' DO NOTHING', ' DO UPDATE SET v = 3', ' DO UPDATE SET id = id + 1', ' DO UPDATE SET id = -1')
const returning = pick('', '', ' RETURNING id')

const statement: Text = fc.oneof(
  join('INSERT ', or, 'INTO ', table, rows, returning),
  join('INSERT ', or, 'INTO ', table, ' (v) VALUES (1)'),
  join('INSERT ', or, 'INTO ', table, ' (', key, ', w) VALUES (', id, ', 1)'),
  join('INSERT ', or, 'INTO ', table, from, pick(' WHERE true', ''), ' ON CONFLICT', conflict),
  join('INSERT ', or, 'INTO ', table, ' VALUES ', row, ', ', row, ' ON CONFLICT (id)', conflict),
  join('UPDATE ', or, table, ' SET ', key, ' = ', fc.oneof(id, pick('id + 1', 'id - 1', '-id', 'w', 'id')), where,
    returning),
  join('UPDATE ', or, table, ' SET v = ', value, ', ', key, ' = ', id, where),
  join('UPDATE ', or, table, ' SET id = o.w FROM log AS o WHERE o.v = ', table, '.id'),
  join('UPDATE ', or, table, ' SET v = ', value, where),
  join('DELETE FROM ', table, where, returning),
  join('DELETE FROM ', table),
  pick('BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT s', 'ROLLBACK TO s', 'RELEASE s'))

function run (connection: Sqlite.Database, sql: string): void {
  try {
    connection.exec(sql)
  } catch {}
}

t.test('the number of rows is exact after any statements of any connections', async (t) => {
  const { connect } = clockwork(t, SCHEMA)
  const connections = [false, true].flatMap((isRecursive) => [false, true].map((hasKeys) => {
    const connection = connect()
    connection.pragma(`recursive_triggers = ${isRecursive}`)
    connection.pragma(`foreign_keys = ${hasKeys}`)
    return connection
  }))
  createTriggers(connections[0]!, { countRows: TABLES })
  recountRows(connections[0]!)
  const read = (connection: Sqlite.Database, sql: string) => connection.prepare(sql).pluck().get()
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat(3), fc.array(statement, { minLength: 1, maxLength: 6 })), { minLength: 1, maxLength: 5 }),
    (steps) => {
      for (const [i, statements] of steps) {
        const connection = connections[i]!
        for (const sql of statements) {
          run(connection, sql)
          for (const table of TABLES) {
            const [known, counted] = [writeKnownRows(table), `SELECT count(*) FROM ${table}`]
              .map((sql) => read(connection, sql))
            if (known !== counted) throw new Error(`${sql}: ${known} in place of ${counted} rows of ${table}`)
          }
        }
        if (connection.inTransaction) connection.exec('COMMIT')
      }
    }
  ), { numRuns: Number(process.env.ROW_COUNT_RUNS ?? soak(200, 60)) })
})
