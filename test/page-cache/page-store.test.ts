import t from 'tap'
import type { Miss } from '../../src/cache/index.ts'
import { isUnderWay } from '../../src/page-cache/page-store.ts'

t.test('who has a page for a place waits for nobody who is making one for it', async (t) => {
  const lease = {} as NonNullable<NonNullable<Miss['vacancy']>['lease']>
  const watch = () => { throw new Error('nobody watches here') }
  const underWay = {} as NonNullable<Miss['underWay']>
  for (const [miss, expected] of [
    [{ miss: 'absent' }, false],
    [{ miss: 'absent', underWay }, true],
    [{ miss: 'absent', vacancy: {} }, false],
    [{ miss: 'absent', vacancy: { watch } }, true],
    [{ miss: 'absent', vacancy: { lease } }, false],
    [{ miss: 'absent', underWay, vacancy: { lease } }, false],
    [{ miss: 'absent', underWay, vacancy: { watch } }, true]
  ] as Array<[Miss, boolean]>) t.equal(isUnderWay(miss), expected, Object.keys(miss.vacancy ?? {}).join())
})
