import t from 'tap'
import type { Entry, Miss } from '../../../src/cache/index.ts'
import type { CacheLocation } from '../../../src/page-cache/key/variants.ts'
import { decideAction, type DecisionInput } from '../../../src/page-cache/request/decide-action.ts'
import { parseRequestDirectives } from '../../../src/page-cache/request/directives.ts'
import { storeResponse } from './stored.ts'

/** All stored responses here are produced at this time, and expire 60 s later. */
const START = 1_000_000
const location: CacheLocation = { primaryKey: 'k', key: 'k', varyMatch: { varyNames: [], varyValues: [] } }

const { page, entry } = storeResponse({ staleIfError: 30 }, START)
const open = storeResponse({ allowsAuthorization: true }, START)
const hit = { location, page }
const openHit = { location, page: open.page }
const miss: Miss = { miss: 'absent' }
const expired: Miss = { miss: 'expired', seen: entry, stale: entry }
const openExpired: Miss = { miss: 'expired', seen: open.entry, stale: open.entry }
const variants = { entry, value: { generation: 'g', varyLists: [['x-a']] } }

/** A request 10 s after the response was stored, if `found` is fresh, or else 70 s. */
function input (options: Partial<DecisionInput> & { control?: string } = {}, seconds = 10): DecisionInput {
  const { control, ...others } = options
  return {
    route: { refreshAhead: false, timeout: undefined },
    directives: control === undefined ? undefined : parseRequestDirectives({ 'cache-control': control }),
    uncacheable: undefined,
    cache: { findStale: () => undefined, shouldRefreshEarly: () => false },
    isBounded: false,
    now: START + seconds * 1000,
    ...others
  }
}

const staleHit = (refresh: boolean) => ({
  findStale: ({ stale }: Miss) => ({ entry: stale as Entry, refresh }), shouldRefreshEarly: () => false
})

t.test('decideAction() about a fresh stored response', async (t) => {
  const refreshing = {
    route: { refreshAhead: true, timeout: undefined },
    cache: { findStale: () => undefined, shouldRefreshEarly: () => true }
  }
  const seen: Miss = { miss: 'expired', seen: entry }
  for (const [title, found, options, expected] of [
    ['hit', hit, {}, { act: 'hit', page, status: { hit: true }, refresh: undefined }],
    ['hit by an earlier check', hit, { isBounded: true }, { act: 'hit', status: { hit: true, detail: 'bounded' } }],
    ['hit, and refreshed early', hit, refreshing, { act: 'hit', page, refresh: seen }],
    ['not refreshed early for Range', hit, { ...refreshing, uncacheable: 'range' }, { act: 'hit', refresh: undefined }],
    ['Range', hit, { uncacheable: 'range' }, { act: 'hit' }],
    ['Authorization', hit, { uncacheable: 'authorization' },
      { act: 'pass', status: { fwd: 'bypass', detail: 'authorization' } }],
    ['Authorization that the response allows', openHit, { uncacheable: 'authorization' },
      { act: 'hit', page: open.page }],
    ['max-age', hit, { control: 'max-age=10' }, { act: 'hit' }],
    ['a shorter max-age', hit, { control: 'max-age=9' },
      { act: 'fetch', miss: seen, stale: page, status: { fwd: 'request', detail: 'max-age' } }],
    ['min-fresh', hit, { control: 'min-fresh=51' }, { act: 'fetch', status: { fwd: 'request', detail: 'min-fresh' } }],
    ['no-cache', hit, { control: 'no-cache' }, { act: 'fetch', status: { fwd: 'request', detail: 'no-cache' } }],
    ['no-cache and Range', hit, { control: 'no-cache', uncacheable: 'range' },
      { act: 'pass', status: { fwd: 'request', detail: 'no-cache' } }],
    ['only-if-cached', hit, { control: 'only-if-cached' }, { act: 'hit' }],
    ['only-if-cached, no-cache', hit, { control: 'only-if-cached, no-cache' },
      { act: 'gateway-timeout', status: { detail: 'only-if-cached' } }],
    ['only-if-cached and Authorization', hit, { control: 'only-if-cached', uncacheable: 'authorization' },
      { act: 'gateway-timeout' }]
  ] as Array<[string, typeof hit, Parameters<typeof input>[0], object]>) {
    t.match(decideAction(found, input(options)), expected, title)
  }
})

t.test('decideAction() about a miss', async (t) => {
  const limited = { refreshAhead: false, timeout: 1 }
  for (const [title, found, options, expected] of [
    ['absent', { location, miss }, {}, { act: 'fetch', miss, status: { fwd: 'uri-miss' }, stale: undefined }],
    ['absent variant', { location: { ...location, variants }, miss }, {},
      { act: 'fetch', status: { fwd: 'vary-miss' } }],
    ['corrupt', { location, miss: { miss: 'corrupt' } }, {},
      { act: 'fetch', status: { fwd: 'miss', detail: 'corrupt' } }],
    ['no store', { location, miss: { miss: 'unavailable' } }, {},
      { act: 'fetch', status: { fwd: 'miss', detail: 'store-unavailable' } }],
    ['invalidated', { location, miss: { miss: 'invalidated', seen: entry } }, {},
      { act: 'fetch', status: { fwd: 'stale', detail: 'invalidated' } }],
    ['Authorization', { location, miss }, { uncacheable: 'authorization' },
      { act: 'pass', status: { fwd: 'bypass', detail: 'authorization' } }],
    ['Range', { location, miss }, { uncacheable: 'range' },
      { act: 'pass', status: { fwd: 'uri-miss', detail: 'range' } }],
    ['only-if-cached', { location, miss }, { control: 'only-if-cached' }, { act: 'gateway-timeout' }],
    ['only-if-cached and Range', { location, miss }, { control: 'only-if-cached', uncacheable: 'range' },
      { act: 'gateway-timeout' }],
    ['expired', { location, miss: expired }, {},
      { act: 'fetch', miss: expired, stale: page, status: { fwd: 'stale' } }],
    ['expired, with a timeout', { location, miss: expired }, { route: limited },
      { act: 'fetch-with-timeout', miss: expired, stale: page }],
    ['not stale if error', { location, miss: openExpired }, { route: limited }, { act: 'fetch', stale: open.page }],
    ['expired, with a timeout, Range', { location, miss: expired }, { route: limited, uncacheable: 'range' },
      { act: 'pass' }],
    ['stale while revalidate', { location, miss: expired }, { cache: staleHit(true) },
      {
        act: 'hit',
        page,
        refresh: { miss: 'expired', seen: entry },
        status: { hit: true, detail: 'stale-while-revalidate' }
      }],
    ['the same for Range', { location, miss: expired }, { cache: staleHit(true), uncacheable: 'range' },
      { act: 'hit', page }],
    ['not for Authorization', { location, miss: openExpired }, { cache: staleHit(true), uncacheable: 'authorization' },
      { act: 'pass' }],
    ['back-off after a failure', { location, miss: expired }, { cache: staleHit(false) },
      { act: 'hit', page, status: { hit: true, detail: 'stale-if-error' } }],
    ['max-stale', { location, miss: expired }, { control: 'max-stale=10' },
      { act: 'hit', page, status: { hit: true, detail: 'max-stale' } }],
    ['a shorter max-stale', { location, miss: expired }, { control: 'max-stale=9' }, { act: 'fetch', stale: page }],
    ['directives come before staleness', { location, miss: expired }, { control: 'max-age=5', cache: staleHit(true) },
      { act: 'fetch' }]
  ] as Array<[string, Parameters<typeof decideAction>[0], Parameters<typeof input>[0], object]>) {
    t.match(decideAction(found, input(options, 70)), expected, title)
  }
})

t.test('decideAction() refreshes a stale response without serving it stale again if that fails', async (t) => {
  const decision = decideAction({ location, miss: expired }, input({ cache: staleHit(true) }, 70))
  t.notOk('stale' in (decision as { refresh: object }).refresh)
})
