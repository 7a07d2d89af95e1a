import pg from 'pg'
import t from 'tap'
import { until } from '../../support/until.ts'
import { openShop, setUp } from './support.ts'

const { products, database, cache, other, postgres, read, count, sum, counts } = await setUp(t)

/** Waits until the number is that of the triggers as they are. */
const untilSummedUp = () => until('the counts are summed up', async () => {
  await products.count()
  return await read('SELECT count(*) FROM larder_product_counts WHERE triggers = larder_product_triggers()') === 1
})

const ONE = "INSERT INTO products (title, price) VALUES ('a', '1')"
const MANY = "INSERT INTO products (title, price) SELECT 'a', '1' FROM generate_series(1, 20)"
const WAYS: Array<[name: string, sql: string]> = [
  ['an insert', ONE],
  ['an insert of many', MANY],
  ['an insert of none', `${MANY} WHERE false`],
  ['ON CONFLICT DO NOTHING', "INSERT INTO products VALUES (1, 'a', '1'), (900001, 'b', '2') ON CONFLICT DO NOTHING"],
  ['ON CONFLICT DO UPDATE', `INSERT INTO products VALUES (2, 'a', '1'), (900002, 'b', '2')
    ON CONFLICT (id) DO UPDATE SET price = '7'`],
  ['an update', "UPDATE products SET price = '2'"],
  ['another id', 'UPDATE products SET id = id + 910000 WHERE id < 5'],
  ['a delete', 'DELETE FROM products WHERE id < 12'],
  ['a delete of none', 'DELETE FROM products WHERE id < 12'],
  ['MERGE', `MERGE INTO products p USING (SELECT unnest(ARRAY[15, 16, 950000, 950001]) AS id) n ON p.id = n.id
    WHEN MATCHED AND n.id = 15 THEN DELETE WHEN MATCHED THEN UPDATE SET price = '9'
    WHEN NOT MATCHED THEN INSERT (id, title, price) VALUES (n.id, 'm', '1')`],
  ['WITH that inserts and deletes', `WITH gone AS (DELETE FROM products WHERE id IN (17, 18) RETURNING *),
    more AS (INSERT INTO products (title, price) SELECT title, price FROM gone, generate_series(1, 3)) SELECT`],
  ['a rollback', `BEGIN; ${MANY}; DELETE FROM products WHERE id = 20; ROLLBACK`],
  ['a savepoint', `BEGIN; ${ONE}; SAVEPOINT a; ${MANY}; ROLLBACK TO a; ${ONE}; COMMIT`],
  ['a prepared transaction', `BEGIN; ${MANY}; PREPARE TRANSACTION 'count'`],
  ['its commit', "COMMIT PREPARED 'count'"],
  ['session_replication_role', `BEGIN; SET LOCAL session_replication_role = replica; ${MANY};
    DELETE FROM products WHERE id = 20; COMMIT`],
  ['a role that may only write products', `BEGIN; DROP ROLE IF EXISTS writer; CREATE ROLE writer;
    GRANT INSERT, DELETE, SELECT ON products TO writer; SET LOCAL ROLE writer; ${ONE};
    DELETE FROM products WHERE id = 21; RESET ROLE; DROP OWNED BY writer; DROP ROLE writer; COMMIT`],
  ['a temporary table of the same name', `BEGIN; CREATE TEMP TABLE larder_product_counts (number int8, triggers text)
    ON COMMIT DROP; ${ONE}; COMMIT`],
  ['a function', `CREATE FUNCTION add_one () RETURNS void LANGUAGE plpgsql AS $$ BEGIN ${ONE};
    BEGIN ${MANY}; RAISE 'undo'; EXCEPTION WHEN OTHERS THEN END; END $$; SELECT add_one(); DROP FUNCTION add_one`],
  ['TRUNCATE', 'TRUNCATE products'],
  ['inserts around TRUNCATE', `BEGIN; ${ONE}; TRUNCATE products; ${MANY}; COMMIT`],
  ['TRUNCATE, rolled back', 'BEGIN; TRUNCATE products; ROLLBACK']
]

t.test('the number of products is the sum of the counts after each way to write', async (t) => {
  await untilSummedUp()
  for (const [name, sql] of WAYS) {
    if (name === 'MERGE' && await read('SHOW server_version_num') < 150_000) continue
    const before = await count()
    const client = new pg.Client({ ...other.options })
    await client.connect()
    await client.query(sql)
    await client.end()
    t.equal(await sum(), await count(), `${name}: ${before} to ${await count()}`)
    t.equal(await products.count(), await count())
  }
})

const LEVELS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']

t.test('writers wait neither for each other nor for a sum, at any isolation level', async (t) => {
  const clients = await Promise.all([...LEVELS, ...LEVELS].map(async (level) => {
    const client = await other.connect()
    await client.query(`BEGIN ISOLATION LEVEL ${level}; SET LOCAL lock_timeout = 1000; ${ONE}`)
    return client
  }))
  const before = await count()
  await other.query('UPDATE larder_product_counts SET triggers = NULL')
  await untilSummedUp()
  t.equal(await products.count(), before)
  for (const client of clients) {
    await client.query(`${MANY}; COMMIT`)
    client.release()
    t.equal(await products.count(), await count())
  }
  t.equal(await count(), before + 6 * 21)
})

t.test('a transaction sees its own number, and sums nothing up', async (t) => {
  const before = await count()
  await other.query('UPDATE larder_product_counts SET triggers = NULL')
  await t.rejects(database.transaction(async () => {
    await products.create({ title: 'a', price: '1' })
    t.equal(await products.count(), before + 1)
    throw new Error('undo')
  }), { message: 'undo' })
  await untilSummedUp()
  t.equal(await products.count(), before)
})

t.test('many counts are summed up, which invalidates nothing', async (t) => {
  await untilSummedUp()
  await other.query(`DO $$ BEGIN FOR i IN 1..1001 LOOP ${ONE}; END LOOP; END $$`)
  const expected = await count()
  let loads = 0
  const read = () => cache.getOrSet('count', async () => {
    loads++
    return await products.count()
  })
  t.equal(await read(), expected)
  await until('the counts are summed up', async () => await counts() === 1)
  t.same([await read(), loads], [expected, 1])
  await other.query(ONE)
  t.same([await read(), loads], [expected + 1, 2])
})

t.test('several processes sum up at the same time', async (t) => {
  const shops = [products, (await openShop(t, other)).products, (await openShop(t, other)).products]
  for (let round = 0; round < 10; round++) {
    await other.query(`UPDATE larder_product_counts SET triggers = NULL; ${ONE}`)
    const expected = await count()
    t.same(await Promise.all(shops.map((products) => products.count())), shops.map(() => expected))
  }
  await untilSummedUp()
  t.equal(await sum(), await count())
})

t.test('products are counted one by one while triggers are disabled, dropped or differ', async (t) => {
  const ways = [
    'ALTER TABLE products DISABLE TRIGGER ALL', 'ALTER TABLE products ENABLE TRIGGER ALL',
    'DROP TRIGGER count_deleted ON products'
  ]
  for (const sql of ways) {
    await untilSummedUp()
    await other.query(`${sql}; ${MANY}; DELETE FROM products WHERE id IN (SELECT id FROM products LIMIT 5)`)
    for (let i = 0; i < 3; i++) t.equal(await products.count(), await count(), sql)
    t.equal((await products.list()).total, await count())
    // As a start of the service does.
    t.equal(await (await openShop(t, other)).products.count(), await count())
    await untilSummedUp()
    t.equal(await sum(), await count(), `after ${sql}`)
  }
})

t.test('what was written while triggers were disabled in one transaction is counted', async (t) => {
  await untilSummedUp()
  const toggle = (how: string) => `ALTER TABLE products ${how} TRIGGER count_inserted`
  await other.query(`BEGIN; ${toggle('DISABLE')}; ${MANY}; ${toggle('ENABLE')}; COMMIT`)
  t.equal(await products.count(), await count())
  await untilSummedUp()
  t.equal(await sum(), await count())
})

t.test('logical replication counts products', async (t) => {
  const publisher = await setUp(t)
  const { database: name } = publisher.other.options
  await publisher.other.query(MANY)
  await publisher.other.query('CREATE PUBLICATION all_products FOR TABLE products')
  await publisher.other.query(`SELECT pg_create_logical_replication_slot('slot_${name!}', 'pgoutput')`)
  await other.query('TRUNCATE products')
  await other.query(`CREATE SUBSCRIPTION s CONNECTION 'host=${postgres.host} user=postgres dbname=${name!}'
    PUBLICATION all_products WITH (create_slot = false, slot_name = 'slot_${name!}')`)
  const check = async (what: string) => {
    const expected = await publisher.count()
    await until(what, async () => await count() === expected)
    t.equal(await sum(), expected, what)
    t.equal(await products.count(), expected, what)
  }
  await check('the first copy')
  await publisher.other.query(`${MANY}; DELETE FROM products WHERE id < 5`)
  await check('changes')
  await publisher.other.query('TRUNCATE products')
  await check('TRUNCATE')
  await other.query('DROP SUBSCRIPTION s')
})
