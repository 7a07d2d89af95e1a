import t from 'tap'
import { formatCacheStatus } from '../../../src/page-cache/http/cache-status.ts'

t.test('formatCacheStatus writes the parameters of RFC 9211', async (t) => {
  t.equal(formatCacheStatus({ hit: true }, 9), 'larder; hit; ttl=9')
  t.equal(formatCacheStatus({ hit: true, detail: 'stale-if-error' }, -1), 'larder; hit; ttl=-1; detail=stale-if-error')
  t.equal(formatCacheStatus({ fwd: 'uri-miss', fwdStatus: 304 }), 'larder; fwd=uri-miss; fwd-status=304')
  const all = { fwd: 'stale', stored: true, collapsed: true, detail: 'outdated' } as const
  t.equal(formatCacheStatus(all), 'larder; fwd=stale; stored; collapsed; detail=outdated')
})
