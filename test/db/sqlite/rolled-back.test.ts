import { sql } from 'drizzle-orm'
import t from 'tap'
import { notes } from '../support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const TAKEN = { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }
const oops = new Error('oops')

t.test('a statement that rolls back the transaction by itself', async (t) => {
  const { database, add, titles } = notes(t)
  await database.transaction(() => add('first'))

  /** Sends a statement that rolls back, and returns before its reply arrives. */
  async function rollBack (): Promise<{ failed: Promise<unknown> }> {
    const failed = t.rejects(database.sql.run(
      sql`INSERT OR ROLLBACK INTO products (id, title, price) VALUES (1, 'taken', '1')`), TAKEN)
    for (let turns = 0; turns < 10; turns++) await null
    return { failed }
  }

  t.test('a savepoint that was sent before its reply begins no transaction of its own', async (t) => {
    let savepoint: Promise<unknown> | undefined
    await t.rejects(database.transaction(async () => {
      const { failed } = await rollBack()
      savepoint = t.rejects(database.transaction(() => add('in a savepoint')), OVER)
      await Promise.all([failed, savepoint])
    }), OVER)
    t.same(await titles(), ['first'])
  })

  t.test('the next transaction works if nobody has awaited the savepoint', async (t) => {
    let savepoint: Promise<unknown> | undefined
    await t.rejects(database.transaction(async () => {
      const { failed } = await rollBack()
      savepoint = t.rejects(database.transaction(() => add('in a savepoint')), OVER)
      await failed
      throw oops
    }), oops)
    await database.transaction(() => add('second'))
    await savepoint
    t.same(await titles(), ['first', 'second'])
  })

  t.test('the error of the work is that of the transaction', async (t) => {
    let statement: Promise<unknown> | undefined
    await t.rejects(database.transaction(async () => {
      statement = (await rollBack()).failed
      throw oops
    }), oops)
    await statement
  })

  t.test('a commit that was sent before its reply fails', async (t) => {
    await t.rejects(database.transaction(async () => {
      await add('third')
      await rollBack()
    }), OVER)
    t.notOk((await titles()).includes('third'))
  })
})
