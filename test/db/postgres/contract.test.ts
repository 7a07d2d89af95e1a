import { sql } from 'drizzle-orm'
import t from 'tap'
import { testDatabase } from '../../support/database-contract/index.ts'
import { openNotes, shareNotes } from './support.ts'

const share = shareNotes(t)

t.test('the age of what is known counts outside of transactions only, which see their own changes', async (t) => {
  const { database: { transaction, versions } } = await share()
  const stamp = await versions.stamp()
  await versions.firstChanged(stamp, ['products'])
  t.type(versions.measureStaleness!(stamp, ['products']), 'number')
  t.equal(await transaction(() => versions.measureStaleness!(stamp, ['products'])), undefined)
})

t.test('tags change with the transaction that invalidates or expires them, as its rows do', async (t) => {
  const { database: { sql: handle, transaction, versions } } = await share()
  const change = { invalidate: versions.invalidate, expire: versions.expire! }
  for (const [name, run] of Object.entries(change)) {
    const stamp = await versions.stamp()
    const hasChanged = async () => await versions.firstChanged(stamp, ['news']) !== undefined
    await t.rejects(transaction(async () => {
      await run(['news'])
      throw new Error('oops')
    }), { message: 'oops' })
    t.equal(await hasChanged(), false, `${name} is rolled back`)
    await transaction(async () => {
      await run(['news'])
      const { rows } = await handle.execute(sql`SELECT FROM larder.changes WHERE xid = pg_current_xact_id()`)
      t.not(rows.length, 0, `${name} needs nothing after the commit, which a crash could prevent`)
    })
    t.equal(await hasChanged(), true)
  }
})

t.test('a transaction that has written gets no stale value', async (t) => {
  const { add, database: { transaction, versions } } = await share()
  const stamp = await versions.stamp()
  await versions.expire!(['news'])
  t.equal(await transaction(() => versions.firstInvalidated!(stamp, ['news'])), undefined)
  t.equal(await transaction(async () => {
    await add('a')
    return await versions.firstInvalidated!(stamp, ['news'])
  }), 'news')
})

testDatabase(t, (t, limits) => limits === undefined ? share() : openNotes(t, limits))
