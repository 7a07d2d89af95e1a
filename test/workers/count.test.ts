import { availableParallelism } from 'node:os'
import t from 'tap'
import { parseWorkers } from '../../src/workers/count.ts'

t.test('WORKERS is one if unset, one a core for auto, or a number from 1 to 999', async (t) => {
  t.equal(parseWorkers(undefined), 1)
  for (const text of ['', ' \t']) t.equal(parseWorkers(text), 1)
  t.equal(parseWorkers('auto'), availableParallelism())
  for (const text of ['1', '4', '999']) t.equal(parseWorkers(text), Number(text))
  for (const text of ['0', '-1', '1000', '1.5', '1e2', 'AUTO', 'two', ' 2']) {
    t.ok(Number.isNaN(parseWorkers(text)), text)
  }
})
