import fc from 'fast-check'

/** Random SQL over six small tables and two views of them, much of it look-ups by number or by an indexed column. */

type Text = fc.Arbitrary<string>

export const SCHEMA = `
  CREATE TABLE b (id INTEGER PRIMARY KEY, n, r INTEGER, s TEXT);
  CREATE INDEX b_n ON b (n, s);
  CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER, r INTEGER REFERENCES b ON DELETE SET NULL ON UPDATE CASCADE,
    s TEXT);
  CREATE INDEX a_r ON a (r);
  CREATE TABLE c (id INTEGER PRIMARY KEY, n, r INTEGER REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE, s TEXT UNIQUE);
  CREATE TABLE d (id INTEGER PRIMARY KEY, n, r INTEGER, s TEXT);
  CREATE INDEX d_r ON d (r, n) WHERE n > 1;
  CREATE INDEX d_s ON d (s COLLATE NOCASE);
  CREATE INDEX a_s ON a (s);
  CREATE TABLE e (id INTEGER, n, r INTEGER, s TEXT COLLATE NOCASE, PRIMARY KEY (r, id), UNIQUE (s)) WITHOUT ROWID;
  CREATE INDEX e_s ON e (s COLLATE BINARY);
  CREATE TABLE f (id TEXT PRIMARY KEY, n REAL, r, s TEXT, UNIQUE (r, s));
  CREATE INDEX f_n ON f (n DESC);
  CREATE VIEW v AS SELECT a.id, b.n, a.r, b.s FROM a LEFT JOIN b ON b.id = a.r;
  CREATE VIEW w AS SELECT id, n, r, s FROM b UNION ALL SELECT id, n, r, s FROM d WHERE id = 2;
  CREATE TRIGGER touch AFTER UPDATE OF s ON a BEGIN UPDATE d SET n = coalesce(n, 0) + 1 WHERE id = NEW.id; END;`

export const DATA = `
  DELETE FROM c; DELETE FROM a; DELETE FROM b; DELETE FROM d; DELETE FROM e; DELETE FROM f;
  INSERT INTO b VALUES (1, 1, 2, 'x'), (2, 2, 3, 'y'), (3, NULL, 1, NULL);
  INSERT INTO a VALUES (1, 2, 1, 'x'), (2, 1, 2, '2'), (4, 3, NULL, 'y');
  INSERT INTO c VALUES (1, 1, 1, 'x'), (2, NULL, 2, 'y'), (3, 3, 4, NULL);
  INSERT INTO d VALUES (1, 1, 2, 'x'), (2, 2, 1, 'y'), (3, 2, 2, 'X');
  INSERT INTO e VALUES (1, 1, 2, 'x'), (2, 2, 2, 'y'), (2, '2', 1, 'z');
  INSERT INTO f VALUES ('1', 1, 2, 'x'), ('2', 2.5, 'x', 'y'), ('x', 2, NULL, '2')`

const COLUMNS = ['id', 'n', 'r', 's']
const JOINS = [' JOIN ', ' LEFT JOIN ', ' RIGHT JOIN ', ' FULL JOIN ', ' CROSS JOIN ']

const pick = (...values: string[]): Text => fc.constantFrom(...values)

function join (...parts: Array<string | Text>): Text {
  return fc.tuple(
    ...parts.map((part) => typeof part === 'string' ? fc.constant(part) : part)
  ).map((texts) => texts.join(''))
}

/** Sometimes nothing. @param freq how rarely */
const maybe = (text: Text, freq = 2): Text => fc.option(text, { nil: '', freq })

/** The first one is the most likely. */
const mostly = (
  first: Text, ...others: Text[]
): Text => fc.oneof({ weight: 3 * others.length, arbitrary: first }, ...others)

const table = pick('a', 'b', 'c', 'd', 'e', 'f')
const source = pick('a', 'b', 'd', 'e', 'f', 'a', 'b', 'd', 'c', 'v', 'w')
const rowId = pick('1', '2', '3', '4', '-1')
const known = pick('1', '2', '3', '4', '?', '?')
const literal = pick('1', '2', '3', '-1', "'2'", "'x'", 'NULL', '2.5', '?', '?')

// Look-ups by number

const pickColumn = (...names: string[]): Text => join(pick(...names), '.', pick(...COLUMNS))

/** That a row has a number, or a value in a column, which is known beforehand, or one that is not. */
function isRow (name: string, others: string[]): Text {
  return join(name, pick('.id', '.id', '.r', '.n', '.s'), mostly(
    join(pick(' = ', ' = ', ' IS '), mostly(known, literal)),
    join(' = ', pick(...others, name), pick('.n', '.r', '.id', '.s')),
    join(' IN (', known, ', ', known, ')'),
    join(' + 0 = ', known),
    join(' = (SELECT n FROM ', table, ' WHERE id = ', known, ')'),
    join(' = ', known, ' OR ', name, '.id = ', known),
    join(' = ', known, ' OR ', name, pick('.n = ', '.r = '), literal),
    join(' = coalesce(', literal, ', ', pick(...others, name), '.n, ', known, ')'),
    join(' = CASE WHEN ', pick(...others, name), '.n > 1 THEN ', known, ' ELSE ', known, ' END')))
}

function valueInRow (outer: string[]): Text {
  return join('(SELECT ', pick(
    'n', 's', 'max(n)', 'count(*)', 'group_concat(s)'
  ), ' FROM ', table, ' AS z WHERE ', isRow('z', outer),
  maybe(join(' AND z.', pick('n', 'r'), ' = ', literal), 6), ')')
}

function field (names: string[]): Text {
  return mostly(pickColumn(...names), pick('count(*)', '1'), valueInRow(names), join(
    'coalesce(', valueInRow(names), ', ', pickColumn(...names), ')'
  ),
  join('EXISTS ', valueInRow(names)))
}

const lookUp: Text = fc.integer({ min: 1, max: 3 }).chain((count) => {
  const names = ['x', 'y', 'u'].slice(0, count)
  return join('SELECT ', field(names), ' AS n, ', field(names), ' AS r FROM ', source, ' AS x',
    ...names.slice(1).map(
      (name, i) => join(pick(...JOINS), source, ` AS ${name} ON `, isRow(name, names.slice(0, i + 1)))
    ),
    ' WHERE (', isRow('x', names), ')',
    maybe(join(' AND (', isRow(names.at(-1)!, names), ')'), 3),
    maybe(
      join(
        pick(' AND ', ' OR '), pickColumn(...names), pick(' = ', ' < ', ' IS NOT '),
        fc.oneof(literal, valueInRow(names))
      ),
      4
    ),
    maybe(pick(' LIMIT 1', ' ORDER BY 1', ' ORDER BY 1 DESC LIMIT 1 OFFSET 1'), 5))
})

// Anything

function value (names: string[], depth: number): Text {
  const cheap = mostly(pickColumn(...names), literal)
  if (depth === 0) return cheap
  return mostly(cheap,
    join('(', cheap, pick(' + ', ' || '), cheap, ')'),
    join('(CASE WHEN ', condition(names, depth - 1), ' THEN ', cheap, ' ELSE ', cheap, ' END)'),
    join('(', select(names, depth - 1, false), ')'))
}

function condition (names: string[], depth: number): Text {
  const some = () => value(names, depth)
  const cheap = mostly(join(pick(...names), pick('.id = ', '.id = ', '.id IS '), mostly(known, some())),
    join(some(), pick(' = ', ' < ', ' <> ', ' IS ', ' IS NOT ', ' >= '), some()),
    join(some(), pick(' IS NULL', ' IS NOT NULL')),
    join(some(), pick(' IN (', ' NOT IN ('), literal, ', ', literal, ')'),
    join(some(), ' BETWEEN ', some(), ' AND ', some()))
  if (depth === 0) return cheap
  return mostly(cheap,
    join('(', condition(names, depth - 1), pick(' AND ', ' OR '), condition(names, depth - 1), ')'),
    join('NOT ', condition(names, depth - 1)),
    join(pick('EXISTS (', 'NOT EXISTS ('), select(names, depth - 1, false), ')'),
    join(some(), pick(' IN (', ' NOT IN ('), select(names, depth - 1, false), ')'))
}

/** @param wide whether it has all four columns, or one */
function select (outer: string[], depth: number, wide: boolean): Text {
  return fc.integer({ min: 1, max: depth > 0 ? 3 : 2 }).chain((count) => {
    const own = ['p', 'q', 'o'].slice(0, count).map((letter) => `${letter}${depth}`)
    const names = [...own, ...outer]
    const some = () => value(names, depth)
    const from = depth === 0 ? source : mostly(source, join('(', select([], depth - 1, true), ')'))
    const aggregate = pick('count(*)', `max(${own[0]}.n)`, `sum(${own[0]}.id)`, `group_concat(${own[0]}.s)`)
    return join('SELECT ', maybe(pick('DISTINCT '), 6),
      wide
        ? join(
          some(), ' AS id, ', some(), ' AS n, ', some(), ' AS r, ', some(), ' AS s'
        )
        : mostly(some(), aggregate),
      ' FROM ', from, ` AS ${own[0]}`,
      ...own.slice(1).map(
        (name, i) => join(pick(...JOINS), from, ` AS ${name} ON `, condition([...own.slice(0, i + 2), ...outer], 0))
      ),
      maybe(join(' WHERE ', condition(names, depth)), 8),
      maybe(join(' GROUP BY ', pickColumn(...names)), 6),
      maybe(join(' ORDER BY ', some(), pick('', ' DESC')), 2),
      maybe(join(' LIMIT ', pick('1', '2', '1 OFFSET 1')), 4))
  })
}

const all: Text = join(
  'SELECT * FROM (', lookUp, ') ', pick('UNION ', 'UNION ALL ', 'EXCEPT '), 'SELECT * FROM (', lookUp, ')'
)
const named: Text = join('WITH few AS (', lookUp, ') SELECT * FROM few, ', source, ' AS y WHERE ', isRow('y', ['few']))

/** A statement that reads, with question marks. Some are not valid. */
export const query: Text = fc.oneof({ weight: 6, arbitrary: lookUp }, all, named,
  { weight: 4, arbitrary: select([], 2, true) }, select([], 1, true), select([], 2, false))

/** Something to bind to a question mark. */
export const parameter = fc.constantFrom<unknown>(1, 2, 3, 4, 2n, '2', 2.5, null, -1, 'x', 2 ** 60)

const cell = pick('NULL', '1', '2', '3', "'x'", "'y'", "'2'")
const row = join(' (id, n, r, s) VALUES (', rowId, ', ', cell, ', ', rowId, ', ', cell, ')')

/** A statement that writes. Some do nothing, or fail. */
export const change: Text = fc.oneof(
  join(pick('INSERT', 'INSERT OR REPLACE', 'INSERT OR IGNORE', 'REPLACE'), ' INTO ', table, row),
  join('INSERT INTO ', table, row, ' ON CONFLICT DO ', pick('NOTHING', 'UPDATE SET n = excluded.n, id = excluded.r')),
  join('UPDATE ', pick(
    '', 'OR REPLACE ', 'OR IGNORE '
  ), table, ' SET ', pick('n', 's', 'r', 'id', 's'), ' = ', fc.oneof(cell, rowId),
  maybe(join(' WHERE id = ', rowId), 8)),
  join('DELETE FROM ', table, maybe(join(' WHERE id = ', rowId), 8)))
