import t from 'tap'
import { FAILED, idsIn, NOT_APPLICABLE, NOT_ASKED, NOT_OPTIMAL } from './exceptions.ts'
import { idsOf, resultsOf } from './results.ts'
import { run } from './run.ts'
import { loadSuite } from './suite.ts'
import { fakeTime } from './time.ts'

const tests = await loadSuite()
const results = resultsOf(tests, await run(tests, fakeTime()))

t.test('the whole of the suite is asked', async (t) => {
  t.equal(results.length, tests.length)
  t.equal(tests.filter(({ kind }) => kind === 'required').length, 157)
  t.equal(tests.filter(({ kind }) => kind === 'optimal').length, 86)
})

t.test('what a shared cache must do, the page cache does', async (t) => {
  t.same(idsOf(results, 'required', 'fail', 'retry', 'error'), idsIn(FAILED))
  t.same(idsOf(results, 'required', 'setup-fail'), idsIn(NOT_ASKED))
  t.same(idsOf(results, 'required', 'dependency-fail'), idsIn(NOT_APPLICABLE))
})

t.test('what a good one does, it does, but for what it leaves out on purpose', async (t) => {
  t.same(idsOf(results, 'optimal', 'fail', 'setup-fail', 'dependency-fail', 'retry', 'error'), idsIn(NOT_OPTIMAL))
})

t.test('nothing that is merely observed breaks the harness', async (t) => {
  t.same(idsOf(results, 'check', 'retry', 'error'), [])
})
