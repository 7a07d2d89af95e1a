import t from 'tap'
import { FAILED, idsIn, NOT_APPLICABLE, NOT_ASKED, NOT_OPTIMAL } from './exceptions.ts'
import { selectIds, collectResults } from './results.ts'
import { run } from './run.ts'
import { loadSuite } from './suite.ts'
import { fakeTime } from './time.ts'

let results: ReturnType<typeof collectResults>

t.test('all tests of the suite run', async (t) => {
  const tests = await loadSuite()
  results = collectResults(tests, await run(tests, fakeTime()))
  t.equal(results.length, tests.length)
  t.equal(tests.filter(({ kind }) => kind === 'required').length, 157)
  t.equal(tests.filter(({ kind }) => kind === 'optimal').length, 86)
})

t.test('the page cache passes all required tests', async (t) => {
  t.same(selectIds(results, 'required', 'fail', 'retry', 'error'), idsIn(FAILED))
  t.same(selectIds(results, 'required', 'setup-fail'), idsIn(NOT_ASKED))
  t.same(selectIds(results, 'required', 'dependency-fail'), idsIn(NOT_APPLICABLE))
})

t.test('the page cache passes all optimal tests except those with a reason', async (t) => {
  t.same(selectIds(results, 'optimal', 'fail', 'setup-fail', 'dependency-fail', 'retry', 'error'), idsIn(NOT_OPTIMAL))
})

t.test('no test that only observes fails with an error', async (t) => {
  t.same(selectIds(results, 'check', 'retry', 'error'), [])
})
