import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

const gone = new Error('the client has gone')

export function testAbandoning (t: Test, setUp: SetUp): void {
  t.test('a signal that aborts', async (t) => {
    t.test('rejects a statement with its reason, and the next one works', async (t) => {
      const { database, runLong, titles } = await setUp(t)
      const controller = new AbortController()
      const running = database.withSignal(controller.signal, async () => await runLong())
      while (database.load.reads.running === 0) await new Promise(setImmediate)
      controller.abort(gone)
      await t.rejects(running, gone)
      t.same(await titles(), [])
      await t.rejects(database.withSignal(controller.signal, async () => await titles()), gone)
    })

    t.test('rolls back a transaction, and the next one works', async (t) => {
      const { database, add, titles } = await setUp(t)
      const controller = new AbortController()
      const begun = Promise.withResolvers<void>()
      const transaction = database.withSignal(controller.signal, () => database.transaction(async () => {
        await add('a')
        begun.resolve()
        await new Promise(() => {})
      }))
      await begun.promise
      controller.abort(gone)
      await t.rejects(transaction, gone)
      await database.transaction(() => add('b'))
      t.same(await titles(), ['b'])
    })

    t.test('has no effect on work that was begun without it', async (t) => {
      const { database, titles } = await setUp(t)
      t.same(await database.withSignal(AbortSignal.abort(gone), () =>
        database.withSignal(undefined, async () => await titles())), [])
    })
  })
}
