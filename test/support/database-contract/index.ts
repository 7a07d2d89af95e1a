import type { Test } from 'tap'
import { testAbandoning } from './abandoning.ts'
import { testAfterCommit } from './after-commit.ts'
import { testSavepoints } from './savepoints.ts'
import type { SetUp } from './set-up.ts'
import { testTransactions } from './transactions.ts'
import { testVersions } from './versions.ts'

/** What every engine of the database does. */
export function testDatabase (t: Test, setUp: SetUp): void {
  testTransactions(t, setUp)
  t.test('nested transactions are savepoints', async (t) => testSavepoints(t, setUp))
  t.test('afterCommit', async (t) => testAfterCommit(t, setUp))
  testAbandoning(t, setUp)
  testVersions(t, setUp)
  t.test('the state is ok', async (t) => {
    const { database } = await setUp(t)
    t.equal(await database.checkState(), 'ok')
  })
}
