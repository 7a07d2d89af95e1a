import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { products } from '../../../src/products/sqlite/table.ts'
import { addProduct, clockwork, takeStamp } from './clock-support.ts'

const oops = new Error('oops')
const TAGS = [
  'products', 'products:7', 'products:8', 'notes', 'notes:7', 'a name', 'another', 'products:x', 'products:007',
  'codes', 'Codes'
]
const SCHEMA = 'CREATE TABLE notes (id INTEGER PRIMARY KEY); CREATE TABLE codes (code TEXT UNIQUE)'

t.test('invalidate changes the given tags, and a table for a row that is not counted', async (t) => {
  const { database: { versions }, movedBy } = clockwork(t, SCHEMA)
  const cases: Array<[invalidated: string[], moved: string[]]> = [
    [['a name'], ['a name']],
    [['products:7'], ['products', 'products:7']],
    [['codes'], ['codes']],
    [['notes:7', 'products:8', 'another'], ['products', 'products:8', 'notes', 'notes:7', 'another']],
    [['products:x'], ['products:x']],
    [['products:007'], ['products:007']],
    [['Codes'], ['Codes']],
    [['', ':', ':epoch', ':tags', 'larder_clock', '%', "'; DROP TABLE products; --", '\u{1F34F}'], []],
    [[], []]
  ]
  for (const [invalidated, moved] of cases) {
    t.same(await movedBy(TAGS, () => versions.invalidate(invalidated)), moved, invalidated.join())
    t.same(await movedBy(invalidated, () => versions.invalidate(invalidated)), invalidated)
  }
})

t.test('invalidate of a table leaves the tags of its rows', async (t) => {
  const { database: { versions }, movedBy } = clockwork(t, SCHEMA)
  t.same(await movedBy(TAGS, () => versions.invalidate(['products'])), ['products'])
})

t.test('the tag of a row changes with it, even if rows are not counted separately', async (t) => {
  const { other, movedBy } = clockwork(t, 'CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT UNIQUE)')
  t.same(await movedBy(['words:7'], () => other.exec("INSERT INTO words VALUES (7, 'x')")), ['words:7'])
  t.same(await movedBy(
    ['products:9007199254740993'],
    () => other.exec("INSERT INTO products (id, title, price) VALUES (9007199254740993, 'a', '1')")
  ),
  ['products:9007199254740993'])
})

t.test('invalidate affects all processes on the same file', async (t) => {
  const { database, open, isCurrent } = clockwork(t)
  const theirs = open()
  const stamp = takeStamp(theirs)
  await theirs.versions.invalidate(['a name', 'products:7'])
  t.equal(isCurrent(stamp, 'a name'), false)
  t.equal(isCurrent(stamp, 'products:7'), false)
  t.equal(isCurrent(stamp, 'products:8'), true)
  t.equal(database.versions.firstChanged(takeStamp(theirs), ['a name']), undefined)
})

t.test('invalidate inside a transaction is part of it', async (t) => {
  const { database, isCurrent, movedBy } = clockwork(t)
  const stamp = takeStamp(database)
  await t.rejects(database.transaction(async () => {
    await database.versions.invalidate(['a name', 'products:7'])
    t.equal(isCurrent(stamp, 'a name'), false)
    t.equal(isCurrent(stamp, 'products:7'), false)
    throw oops
  }), oops)
  t.equal(isCurrent(stamp, 'a name', 'products:7', 'products'), true)
  t.same(await movedBy(['a name', 'another', 'third'], () => database.transaction(async () => {
    await database.versions.invalidate(['a name'])
    await t.rejects(database.transaction(async () => {
      await database.versions.invalidate(['another'])
      throw oops
    }), oops)
    await database.transaction(() => database.versions.invalidate(['third']))
  })), ['a name', 'third'])
})

t.test('invalidate works before anything else in a process', async (t) => {
  const { database, open, isCurrent } = clockwork(t)
  const stamp = takeStamp(database)
  await open().versions.invalidate(['products:7', 'a name'])
  t.equal(isCurrent(stamp, 'products:7'), false)
  t.equal(isCurrent(stamp, 'products:8'), true)
  t.equal(isCurrent(stamp, 'a name'), false)
})

t.test('invalidate waits for the transaction in progress', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  const stamp = takeStamp(database)
  other.exec('BEGIN IMMEDIATE')
  const invalidated = database.versions.invalidate(['a name']) as Promise<void>
  t.equal(isCurrent(stamp, 'a name'), true)
  other.exec('COMMIT')
  await invalidated
  t.equal(isCurrent(stamp, 'a name'), false)
})

t.test('the size of the clock is limited, whatever the number of names and rows', async (t) => {
  const { database, other, isCurrent } = clockwork(t)
  const count = (name: string) => other.prepare(
    'SELECT count(*) FROM larder_slots s JOIN larder_clock c ON s.id / 65536 = c.id WHERE name = ?'
  )
    .pluck().get(name) as number
  const stamp = takeStamp(database)
  await database.versions.invalidate(Array.from({ length: 100_000 }, (_, i) => `name ${i}`))
  t.ok(count(':tags') > 40_000 && count(':tags') <= 65_536, `${count(':tags')}`)
  t.equal(isCurrent(stamp, 'name 0'), false)
  t.equal(isCurrent(stamp, 'name 99999'), false)
  other.exec(`INSERT INTO products (id, title, price)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000) SELECT i, 'a', '1' FROM n`)
  t.equal(count('products'), 65_536)
  t.same(
    other.prepare("SELECT name, ticks FROM larder_clock WHERE name = 'products'").all(),
    [{ name: 'products', ticks: 70_000 }]
  )
})

t.test('compact drops rows whose table is listed', async (t) => {
  const { database: { versions } } = clockwork(t, SCHEMA)
  const condense = (tags: Iterable<string>) => [...versions.compact!(new Set(tags))].sort()
  const rows = (table: string, count: number) => Array.from({ length: count }, (_, i) => `${table}:${i}`)
  t.same(condense([]), [])
  t.same(condense(['a name', 'products:7', 'notes:7']), ['a name', 'notes:7', 'products:7'])
  t.same(
    condense(['products:7', 'products', 'products:8', 'notes:7']),
    ['notes:7', 'products'],
    'a table says all of its rows'
  )
  t.same(
    condense(['products', 'products:x', 'codes:7', 'codes']),
    ['codes', 'products', 'products:x'],
    'what is no row stays'
  )
  t.equal(condense(rows('products', 1_000)).length, 1_000)
  t.same(
    condense([...rows('products', 1_001), ...rows('notes', 3), 'a name']),
    ['a name', 'notes:0', 'notes:1', 'notes:2', 'products']
  )
})

t.test('compact replaces more than 1,000 rows by their table', async (t) => {
  const { database, other } = clockwork(t)
  const cache = createCache({ store: memoryStore(), versions: database.versions })
  addProduct(other, 1)
  const load = async ({ addTags }: { addTags: (...tags: string[]) => void }) => {
    for (let id = 1; id <= 1_500; id++) addTags(`products:${id}`)
    return 'answer'
  }
  await cache.getOrSet('many', load)
  t.same((await cache.lookup('many') as { tags: unknown }).tags, ['products'])
  addProduct(other, 99_999)
  t.equal(await cache.get('many'), undefined)
})

t.test('isolated is true inside a transaction only', async (t) => {
  const { database, other } = clockwork(t)
  const { versions } = database
  const cache = createCache({ store: memoryStore(), versions })
  addProduct(other, 1)
  const count = () => cache.load('count', () => database.sql.$count(products))
  t.equal(versions.isolated!(), false)
  await t.rejects(database.transaction(async () => {
    t.equal(versions.isolated!(), true)
    await database.sql.insert(products).values({ title: 'Honey', price: '4.20' })
    t.match(await count(), { value: 2, stored: false, notStoredBecause: 'uncommitted-read' })
    t.equal(await cache.getOrSet('plain', () => 'inside'), 'inside')
    throw oops
  }), oops)
  t.equal(versions.isolated!(), false)
  t.equal(await cache.get('plain'), undefined)
  t.match(await count(), { value: 1, stored: true })

  // Who is outside does not get what is being loaded inside, nor the other way round.
  const inside = Promise.withResolvers<string>()
  const began = Promise.withResolvers<void>()
  const transaction = database.transaction(
    () => cache.getOrSet('key', () => { began.resolve(); return inside.promise })
  )
  await began.promise
  t.equal(await cache.getOrSet<string>('key', () => 'outside'), 'outside')
  inside.resolve('inside')
  t.equal(await transaction, 'inside')
  t.equal(await cache.get('key'), 'outside')
})
