import type { Test } from 'tap'
import { bounded } from './bounded.ts'
import { changes } from './changes.ts'
import { dependencies } from './dependencies.ts'
import { lifetime } from './lifetime.ts'
import type { SetUp } from './set-up.ts'

/** What every version clock in a database does, whatever the database. */
export function clockContract (t: Test, setUp: SetUp): void {
  t.test('changes', async (t) => changes(t, setUp))
  t.test('dependencies', async (t) => dependencies(t, setUp))
  t.test('bounded', async (t) => bounded(t, setUp))
  t.test('lifetime', async (t) => lifetime(t, setUp))
}
