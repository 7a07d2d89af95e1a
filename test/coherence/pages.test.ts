import { AsyncResource } from 'node:async_hooks'
import { eq, sql } from 'drizzle-orm'
import t from 'tap'
import { ignoreReads } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { products as table } from '../../src/products/sqlite/table.ts'
import { cached, type Site, startSite, status, warm } from './pages-site.ts'

const PAGES = ['/list', '/products/2', '/products/3', '/products/99']

/** Changes by another program: the SQL, and the pages that it invalidates. */
function fromOutside (changes: Record<string, [sql: string, stale: string[]]>) {
  return Object.fromEntries(Object.entries(changes).map(([name, [sql, stale]]) => {
    return [`another program, ${name}`, { change: ({ other }: Site) => other.exec(sql), stale }]
  }))
}

t.test('a change invalidates exactly the pages that depend on it, whoever makes it', async (t) => {
  const all = ['/list', '/products/2', '/products/3']
  const changes: Record<string, { change: (site: Site) => unknown, stale: string[] }> = {
    'the repository, one row': {
      change: ({ products }) => products.update(2, { price: '2' }), stale: ['/list', '/products/2']
    },
    'the repository, in bulk': {
      change: ({ products }) => products.updateMany({ ids: [2, 3] }, { price: '2' }), stale: all
    },
    'the repository, a new row': {
      change: ({ products }) => products.create({ title: 'f', price: '1' }), stale: ['/list']
    },
    'the repository, a transaction that is rolled back': {
      change: ({ products }) => products.transaction(async () => {
        await products.updateMany({}, { price: '2' })
        throw new Error('no')
      }).catch(() => {}),
      stale: []
    },
    ...fromOutside({
      'one row': ["UPDATE products SET price = '2' WHERE id = 3", ['/list', '/products/3']],
      'all rows': ["UPDATE products SET price = '2'", all],
      'a deletion of all rows': ['DELETE FROM products', all],
      'a row that was read before it existed': [
        "INSERT INTO products (id, title, price) VALUES (99, 'z', '1')", ['/list', '/products/99']
      ],
      'an update that matches no row': ["UPDATE products SET price = '2' WHERE id = 77", []],
      'a transaction that is rolled back': ["BEGIN; UPDATE products SET price = '2'; ROLLBACK", []]
    }),
    'invalidateTags with a table': { change: ({ cache }) => cache.invalidateTags(['products']), stale: ['/list'] },
    'invalidateTags with a row': {
      change: ({ cache }) => cache.invalidateTags(['products:2']), stale: ['/list', '/products/2']
    },
    'invalidateTags with another tag': { change: ({ cache }) => cache.invalidateTags(['kitchen']), stale: [] }
  }
  for (const [name, { change, stale }] of Object.entries(changes)) {
    await t.test(name, async (t) => {
      const it = await startSite(t)
      await warm(t, it.app, PAGES)
      await change(it)
      for (const url of PAGES) t.equal(await status(it.app, url), stale.includes(url) ? 'invalidated' : 'hit', url)
      await warm(t, it.app, PAGES)
    })
  }
})

t.test('pages depend on all that they read: views, nested values, hooks, late queries', async (t) => {
  const { app, cache, database, products, other } = await startSite(t)
  other.exec(`CREATE TABLE shelves (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, place TEXT NOT NULL);
    CREATE VIEW places AS SELECT place, title FROM shelves JOIN products ON products.id = product_id;
    INSERT INTO shelves VALUES (1, 2, 'left'), (2, 3, 'right')`)
  const again = openDatabase(`file:${other.name}`) // adds the triggers of the new table
  t.teardown(() => again.close())

  app.get('/view', cached, () => database.sql.all(sql`SELECT * FROM places`))
  app.get('/nested', cached, () => cache.getOrSet('count', () => products.count()))
  app.get('/row-of-shelf', cached, () => database.sql.all(sql`SELECT place FROM shelves WHERE id = ${2}`))
  app.get('/guarded', {
    ...cached,
    preHandler: async (request) => { Object.assign(request, { found: await products.find(2) }) }
  }, async (request) => (request as unknown as { found: unknown }).found)
  app.get('/ignoring', {
    ...cached,
    onRequest: async () => { await ignoreReads(() => products.find(3)) }
  }, () => products.find(2))
  app.get('/late', cached, (_request, reply) => {
    setTimeout(async () => reply.send(await database.sql.select().from(table).where(eq(table.id, 2)).all()), 1)
  })
  const pages = ['/view', '/nested', '/row-of-shelf', '/guarded', '/ignoring', '/late']
  const expected: Array<[change: string, stale: string[]]> = [
    ["UPDATE products SET price = '3' WHERE id = 2", ['/view', '/nested', '/guarded', '/ignoring', '/late']],
    ["UPDATE products SET price = '3' WHERE id = 3", ['/view', '/nested']],
    ["UPDATE shelves SET place = 'up' WHERE id = 1", ['/view']],
    ["UPDATE shelves SET place = 'up' WHERE id = 2", ['/view', '/row-of-shelf']]
  ]
  for (const [change, stale] of expected) {
    await warm(t, app, pages)
    other.exec(change)
    // Only its page reads the nested value, and the status is that of the page.
    for (const url of pages) {
      t.equal(await status(app, url), stale.includes(url) ? 'invalidated' : 'hit', `${url} after ${change}`)
    }
  }
})

t.test('concurrent pages do not mix their dependencies', async (t) => {
  const { app, other } = await startSite(t)
  const urls = [1, 2, 3, 4, 5].map((id) => `/products/${id}`)
  await Promise.all(urls.map((url) => app.inject(url)))
  other.exec("UPDATE products SET price = '4' WHERE id = 4")
  for (const url of urls) t.equal(await status(app, url), url === '/products/4' ? 'invalidated' : 'hit', url)
})

t.test('a page that a write has outdated is sent to the request that built it, and to no other', async (t) => {
  const { app, products, other } = await startSite(t)
  const began = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  let calls = 0
  app.get('/slow', cached, async () => {
    const { price } = (await products.find(1))!
    if (++calls === 1) {
      began.resolve()
      await release.promise
    }
    return price
  })
  const first = app.inject('/slow')
  await began.promise
  const second = app.inject('/slow') // is collapsed
  await new Promise(setImmediate)
  other.exec("UPDATE products SET price = 'new' WHERE id = 1")
  t.equal((await app.inject('/slow')).body, 'new', 'a request after the write does not wait for the earlier load')
  release.resolve()
  t.equal((await first).body, '1')
  t.equal((await second).body, 'new', 'the collapsed request gets the page that is stored by now')
  t.match((await first).headers['cache-status'], 'detail=outdated')
  t.equal((await app.inject('/slow')).body, 'new')
  t.equal(calls, 2)
})

t.test('a page with unverifiable dependencies is not stored, and Cache-Status says why', async (t) => {
  const { app, database, products, other } = await startSite(t)
  app.get('/transaction', cached, () => products.transaction(() => products.find(1)))
  app.get('/clock', cached, () => database.sql.all(sql`SELECT * FROM larder_clock`))
  other.exec('CREATE TABLE larder_unwatched (id INTEGER PRIMARY KEY)')
  app.get('/unwatched', cached, () => database.sql.all(sql`SELECT * FROM larder_unwatched`))
  const details = { '/transaction': 'uncommitted-read', '/clock': 'unwatched-read', '/unwatched': 'unwatched-read' }
  for (const [url, detail] of Object.entries(details)) {
    t.equal(await status(app, url), detail, url)
    t.equal(await status(app, url), detail, url)
  }
})

t.test('a hook that continues in another async context loses no dependencies', async (t) => {
  const { app, products, other } = await startSite(t)
  const elsewhere = new AsyncResource('elsewhere')
  const preHandler = (_request: unknown, _reply: unknown, done: () => void) => {
    products.find(3).finally(() => elsewhere.runInAsyncScope(done))
  }
  app.get('/elsewhere', { ...cached, preHandler }, () => products.find(2))
  for (const id of [2, 3]) {
    await warm(t, app, ['/elsewhere'])
    other.exec(`UPDATE products SET price = '3' WHERE id = ${id}`)
    t.equal(await status(app, '/elsewhere'), 'invalidated')
  }
})

t.test('routes without a page cache record no dependencies', async (t) => {
  const { app, products } = await startSite(t)
  app.get('/plain', () => products.find(2))
  t.match((await app.inject('/plain')).json(), { id: 2 })
  t.equal(await status(app, '/plain'), 'none')
})
