import t from 'tap'
import type { Miss } from '../../../src/cache/index.ts'
import { isUnderWay } from '../../../src/page-cache/response/store.ts'

t.test('who has a page for a place waits for nobody who is making one for it', async (t) => {
  const lease = {} as NonNullable<NonNullable<Miss['leaseResult']>['lease']>
  const watch = () => { throw new Error('nobody watches here') }
  const underWay = {} as NonNullable<Miss['inFlight']>
  for (const [miss, expected] of [
    [{ miss: 'absent' }, false],
    [{ miss: 'absent', inFlight: underWay }, true],
    [{ miss: 'absent', leaseResult: {} }, false],
    [{ miss: 'absent', leaseResult: { wait: watch } }, true],
    [{ miss: 'absent', leaseResult: { lease } }, false],
    [{ miss: 'absent', inFlight: underWay, leaseResult: { lease } }, false],
    [{ miss: 'absent', inFlight: underWay, leaseResult: { wait: watch } }, true]
  ] as Array<[Miss, boolean]>) t.equal(isUnderWay(miss), expected, Object.keys(miss.leaseResult ?? {}).join())
})
