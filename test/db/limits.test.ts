import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { openDatabase } from '../../src/db/index.ts'
import type { DatabaseLimits } from '../../src/db/limits.ts'
import { notes } from './support.ts'

t.test('limits beyond the longest timer of Node do not end at once', async (t) => {
  for (const ms of [2 ** 31, 1e12, Number.MAX_VALUE, Infinity]) {
    const { database, add, titles } = notes(t, { transactionMs: ms, lockWaitMs: ms, readMs: ms })
    const first = database.transaction(async () => {
      await sleep(20)
      await add('a')
    })
    await Promise.all([first, database.transaction(() => add('b'))])
    t.strictSame(await titles(), ['a', 'b'])
  }
})

t.test('invalid limits are refused by name', async (t) => {
  for (const ms of [-1, NaN, '100', null]) {
    for (const name of ['transactionMs', 'lockWaitMs', 'readMs']) {
      const limits = { [name]: ms } as DatabaseLimits
      const message = new RegExp(`^${name} must be a number of milliseconds, zero or more, but is `)
      t.throws(() => openDatabase('file::memory:', limits), { name: 'TypeError', message })
    }
  }
})
