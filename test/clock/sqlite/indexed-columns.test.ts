import t, { type Test } from 'tap'
import { computeValueSlot, convertValue, describeValue, writeValueSlot } from '../../../src/clock/sqlite/slots.ts'
import { clockwork, tagsRead } from './clock-support.ts'

const SCHEMA = `
  CREATE TABLE posts (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, title TEXT);
  CREATE TABLE comments (id INTEGER PRIMARY KEY, post_id INTEGER REFERENCES posts, author TEXT, created TEXT, "a=b:c");
  CREATE INDEX comments_post ON comments (post_id);
  CREATE INDEX comments_author ON comments (author, created);
  CREATE INDEX comments_other ON comments ("a=b:c");
  CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT);
  CREATE TABLE notes (id TEXT, part INTEGER, user TEXT, PRIMARY KEY (id, part)) WITHOUT ROWID;
  CREATE INDEX notes_user ON notes (user);
  CREATE VIEW commented AS SELECT c.id, c.post_id, c.author, p.title FROM comments c JOIN posts p ON p.id = c.post_id;
  INSERT INTO posts VALUES (1, 'one', 'One'), (2, 'two', 'Two'), (3, 'three', 'Three');
  INSERT INTO comments VALUES (1, 1, 'ann', '1', NULL), (2, 2, 'bob', '2', NULL), (3, NULL, 'ann', '3', 7);`

const setUp = (t: Test) => clockwork(t, SCHEMA)

t.test('a query by equality on an indexed column depends on the rows with that value', async (t) => {
  const { database } = setUp(t)
  const ann = `comments:author=${describeValue('ann')}`
  const cases: Array<[statement: string, values: unknown[], tags: string]> = [
    ['SELECT * FROM comments WHERE post_id = ?', [7], 'comments:post_id=7'],
    ['SELECT * FROM comments WHERE post_id = 7 AND created > ?', ['x'], 'comments:post_id=7'],
    ['SELECT count(*) FROM comments WHERE post_id = -7', [], 'comments:post_id=-7'],
    ['SELECT author, count(*) FROM comments WHERE post_id = ? GROUP BY author', [7], 'comments:post_id=7'],
    ['SELECT * FROM comments WHERE post_id = ? ORDER BY id DESC LIMIT ?', [7, 5], 'comments:post_id=7'],
    ['SELECT DISTINCT author FROM comments WHERE post_id = ? ORDER BY created', [7], 'comments:post_id=7'],
    ['SELECT * FROM comments WHERE post_id IS NULL', [], 'comments:post_id=null'],
    ['SELECT * FROM comments WHERE post_id IS ?', [null], 'comments:post_id=null'],
    ['SELECT * FROM comments WHERE "a=b:c" = ?', [7], 'comments:a%3Db%3Ac=7'],
    ['SELECT * FROM comments WHERE author = ?', ['ann'], ann],
    ["SELECT max(created) FROM comments WHERE author = 'ann'", [], ann],
    ['SELECT * FROM comments WHERE author = ? AND created = ?', ['ann', '2'], ann],
    ['SELECT * FROM comments WHERE author = ? AND created > ?', ['ann', '2'], ann],
    ['SELECT * FROM comments WHERE author = ? AND created BETWEEN ? AND ?', ['ann', '1', '2'], ann],
    ['SELECT * FROM comments WHERE author = ? AND created < ? ORDER BY created DESC LIMIT 3', ['ann', '9'], ann],
    ['SELECT * FROM posts WHERE slug = ?', ['one'], `posts:slug=${describeValue('one')}`],
    ['SELECT * FROM users WHERE id = ?', ['u7'], `users:id=${describeValue('u7')}`],
    ['SELECT * FROM notes WHERE id = ? AND part = ?', ['n', 1], `notes:id=${describeValue('n')}`],
    ['SELECT * FROM notes WHERE user = ?', ['u7'], `notes:user=${describeValue('u7')}`],

    // Through joins, views and subqueries
    ['SELECT * FROM posts p JOIN comments c ON c.post_id = p.id WHERE p.id = ?', [7], 'comments:post_id=7 posts:7'],
    ['SELECT * FROM comments c JOIN posts p ON c.post_id = p.id WHERE c.post_id = ?', [7],
      'comments:post_id=7 posts:7'],
    ['SELECT * FROM posts p LEFT JOIN comments c ON c.post_id = p.id WHERE p.id = ?', [7],
      'comments:post_id=7 posts:7'],
    ['SELECT * FROM commented WHERE post_id = ?', [7], 'comments:post_id=7 posts:7'],
    ['SELECT title, (SELECT json_group_array(author) FROM comments WHERE post_id = posts.id) FROM posts WHERE id = ?',
      [7], 'comments:post_id=7 posts:7'],
    ['SELECT author, (SELECT title FROM posts WHERE id = c.post_id) FROM comments c WHERE post_id = ?', [7],
      'comments:post_id=7 posts:7'],
    ['SELECT name, (SELECT count(*) FROM notes WHERE user = users.id) FROM users WHERE id = ?', ['u7'],
      `notes:user=${describeValue('u7')} users:id=${describeValue('u7')}`],
    ['SELECT * FROM posts WHERE id = ? AND EXISTS (SELECT 1 FROM comments WHERE post_id = posts.id)', [7],
      'comments:post_id=7 posts:7'],
    ['WITH few AS (SELECT * FROM comments WHERE post_id = ?) SELECT count(*) FROM few', [7], 'comments:post_id=7'],
    ['SELECT 1 FROM comments WHERE post_id = 7 UNION ALL SELECT 2 FROM comments WHERE post_id = ?', [8],
      'comments:post_id=7 comments:post_id=8'],

    // Not known in advance, or not by equality
    ['SELECT * FROM comments WHERE post_id > ?', [7], 'comments'],
    ['SELECT * FROM comments WHERE post_id BETWEEN ? AND ?', [7, 7], 'comments'],
    ['SELECT * FROM comments WHERE post_id < ?', [7], 'comments'],
    ['SELECT * FROM comments WHERE post_id IS NOT NULL', [], 'comments'],
    ['SELECT * FROM comments WHERE post_id IN (?, ?)', [7, 8], 'comments'],
    ['SELECT * FROM comments WHERE post_id = ? OR author = ?', [7, 'ann'], 'comments'],
    ['SELECT * FROM comments WHERE post_id = ? + 0', [7], 'comments'],
    ['SELECT * FROM comments WHERE post_id = coalesce(?, 8)', [7], 'comments'],
    ['SELECT * FROM comments WHERE post_id = (SELECT max(id) FROM posts)', [], 'comments posts'],
    ['SELECT * FROM comments WHERE +post_id = ?', [7], 'comments'],
    ['SELECT * FROM comments WHERE created = ?', ['1'], 'comments'],
    ['SELECT * FROM comments WHERE author = ? COLLATE NOCASE', ['ann'], 'comments'],
    ['SELECT * FROM comments c JOIN posts p ON c.post_id = p.id WHERE p.slug = ?', ['one'],
      `comments posts:slug=${describeValue('one')}`],
    ['SELECT * FROM posts a LEFT JOIN posts b ON b.id = ? JOIN comments c ON c.post_id IS b.id WHERE a.id = ?', [7, 1],
      'comments posts:1 posts:7'],
    ['SELECT post_id, count(*) FROM comments GROUP BY post_id', [], 'comments'],
    ['SELECT * FROM comments WHERE post_id = ? AND id IN (SELECT id FROM comments)', [7], 'comments']
  ]
  for (const [statement, values, tags] of cases) {
    t.same(await tagsRead(database, statement, ...values), tags.split(' '), statement)
  }
})

t.test('a value that a column may convert in another way is looked up in the whole table', async (t) => {
  const { database } = setUp(t)
  const find = (column: string, value: unknown) =>
    tagsRead(database, `SELECT * FROM comments WHERE "${column}" = ?`, value) as Promise<string[]>
  for (const value of [7, 7n, '7']) t.same(await find('post_id', value), ['comments:post_id=7'])
  t.same(await find('post_id', -0), ['comments:post_id=0'])
  for (const value of [7.5, '7.0', ' 7', '07', 'seven', 2 ** 53, 2n ** 53n, NaN, Buffer.from('7')]) {
    t.match(await find('post_id', value), [/^comments(:post_id=null)?$/], String(value))
  }
  t.same(await find('author', '7'), [`comments:author=${describeValue('7')}`])
  for (const value of [7, 7n, 'a\0b', '👍', '\ud800', Buffer.from('ann')]) {
    t.same(await find('author', value), ['comments'], String(value))
  }
  t.same(await find('a=b:c', 7), ['comments:a%3Db%3Ac=7'])
  t.same(await find('a=b:c', '7'), [`comments:a%3Db%3Ac=${describeValue('7')}`])
})

t.test('a change invalidates what depends on the values before and after it, and no other values', async (t) => {
  const { other, movedBy } = setUp(t)
  const [ann, bob, cid] = ['ann', 'bob', 'cid'].map((name) => `comments:author=${describeValue(name)}`)
  const posts = ['comments:post_id=1', 'comments:post_id=2', 'comments:post_id=3', 'comments:post_id=null']
  const tags = ['comments', ...posts, ann!, bob!, cid!, 'posts:1', 'posts']
  const cases: Array<[change: string, moved: string[]]> = [
    ["UPDATE comments SET created = 'x' WHERE post_id = 1", [posts[0]!, ann!]],
    ['UPDATE comments SET post_id = 3 WHERE id = 1', [posts[0]!, posts[2]!, ann!]],
    ["UPDATE comments SET author = 'cid' WHERE id = 1", [posts[2]!, ann!, cid!]],
    ['UPDATE comments SET post_id = 1 WHERE post_id IS NULL', [posts[0]!, posts[3]!, ann!]],
    ["INSERT INTO comments (post_id, author) VALUES (2, 'cid')", [posts[1]!, cid!]],
    ['DELETE FROM comments WHERE id = 1', [posts[2]!, cid!]]
  ]
  for (const [change, moved] of cases) {
    t.same(await movedBy(tags, () => other.exec(change)), ['comments', ...moved], change)
  }
  t.same(await movedBy(tags, () => other.exec("UPDATE posts SET title = 'x' WHERE id = 1")), ['posts:1', 'posts'])
})

t.test('equal texts that differ in their bytes are counted separately', async (t) => {
  const { other, database, movedBy } = clockwork(t, `
    CREATE TABLE words (word TEXT COLLATE NOCASE); CREATE INDEX words_word ON words (word COLLATE BINARY);
    INSERT INTO words VALUES ('ab')`)
  const [lower, upper] = ['ab', 'AB'].map((word) => `words:word=${describeValue(word)}`)
  t.same(await tagsRead(database, "SELECT * FROM words WHERE word = 'ab' COLLATE BINARY"), [lower])
  t.same(await movedBy([lower!, upper!], () => other.exec("UPDATE words SET word = 'AB'")), [lower, upper])
})

t.test('invalidateTags and versionOf take the tag of a value', async (t) => {
  const { database, movedBy } = setUp(t)
  const tags = ['comments', 'comments:post_id=1', 'comments:post_id=2', 'comments:post_id=x']
  const before = await database.versions.versionOf!('comments:post_id=1')
  t.same(await movedBy(tags, () => database.versions.invalidate(['comments:post_id=1'])), tags.slice(0, 2))
  t.not(await database.versions.versionOf!('comments:post_id=1'), before)
  const byName = 'comments:post_id=x'
  t.same(await movedBy(tags, () => database.versions.invalidate([byName])), [byName])
})

t.test('triggers compute the same slots as queries, for each kind of column', async (t) => {
  const { other } = clockwork(t)
  const texts = ['', 'a', 'ab', 'abc', 'x'.repeat(1000), 'Übung', '日本語', "it's", '7', '-7', 'ann@example.org',
    '3f2504e0-4f89-41d3-9a0c-0305e82c3301', '\u0001', '\ud7ff']
  const values = [...texts, 0, 1, -1, 65_535, 65_536, -65_536, 2 ** 53 - 1, -(2 ** 53) + 1, null]
  const types = [['numeric', 'INTEGER'], ['numeric', 'REAL'], ['text', 'TEXT'], ['none', '']] as const
  for (const [affinity, type] of types) {
    const column = { name: 'v', affinity }
    other.exec(`DROP TABLE IF EXISTS samples; CREATE TABLE samples (v ${type})`)
    for (const value of values) {
      const stored = convertValue(affinity, value)
      if (stored === undefined) continue
      other.prepare('INSERT INTO samples VALUES (?)').run(typeof value === 'number' ? BigInt(value) : value)
      const slot = other.prepare(`SELECT ${writeValueSlot('samples', column)} FROM samples`).pluck().get()
      other.exec('DELETE FROM samples')
      t.equal(computeValueSlot(column, describeValue(stored)), slot, `${type} ${String(value).slice(0, 40)}`)
    }
  }
  for (const text of ['', 'x', '#', '#123456', '#x', '1.5', 'NULL']) {
    t.equal(computeValueSlot({ name: 'v', affinity: 'text' }, text), undefined)
  }
})

t.test('what a statement depends on does not follow from the first parameters that it was called with', async (t) => {
  const { database } = clockwork(t, `
    CREATE TABLE articles (id INTEGER PRIMARY KEY, status TEXT, author INTEGER, slug TEXT);
    CREATE INDEX articles_live ON articles (author, slug) WHERE status = 'live';
    CREATE TABLE labels (status TEXT PRIMARY KEY, label TEXT)`)
  const query = 'SELECT slug, (SELECT label FROM labels l WHERE l.status = p.status) FROM articles p ' +
    'WHERE p.status = ? AND p.author = ?'
  await tagsRead(database, query, 'live', 9)
  const tags = await tagsRead(database, query, 'draft', 9)
  t.ok(tags.includes('labels') || tags.includes(`labels:status=${describeValue('draft')}`), String(tags))
})
