import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { currentReads, memoryVersions, type Versions } from '../../src/cache/index.ts'
import { CacheStats } from '../../src/metrics/stats.ts'
import { createViewModel } from '../../src/dashboard/view/view-model.ts'
import type { CachePageOptions } from '../../src/page-cache/index.ts'
import { createTestApp, type Handler, type TestAppOptions } from '../support/create-test-app.ts'

/** A version clock that tracks reads, as that of a database does, and how a handler reads a table of it. */
function createClock () {
  const versions: Versions = { ...memoryVersions(), tracksReads: true }
  const read = (table: string) => {
    const reads = currentReads()!
    reads.begin(versions, () => versions.stamp())
    reads.add(versions, [table])
  }
  return { versions, read }
}

const setUp = (t: Test, cachePage: CachePageOptions | number, handler?: Handler, options: TestAppOptions = {}) =>
  createTestApp(t, cachePage, handler, { ...createClock(), ...options })

t.test('Cache-Status says untagged if no read was tracked: when stored, of hits, and of 304', async (t) => {
  const { get, clock } = await setUp(t, 60)
  const { headers, status } = await get()
  t.equal(status, 'fwd=uri-miss; stored; ttl=60; detail=untagged')
  t.equal((await get()).status, 'hit; ttl=60; detail=untagged')
  clock.advance(1)
  t.equal((await get()).status, 'hit; ttl=59; detail=untagged')
  const expected = 'hit; ttl=59; detail=untagged'
  t.match(await get({ 'if-none-match': String(headers.etag) }), { statusCode: 304, status: expected })
  t.match(await get({ range: 'bytes=0-0' }), { statusCode: 206, status: expected })
})

t.test('Cache-Status does not say untagged of a response that has tags, or whose route names its tags', async (t) => {
  const stored = async (cachePage: CachePageOptions | number, handler?: Handler, options?: TestAppOptions) => {
    const { get } = await setUp(t, cachePage, handler, options)
    return [(await get()).status, (await get()).status]
  }
  const expected = ['fwd=uri-miss; stored; ttl=60', 'hit; ttl=60']
  const { versions, read } = createClock()
  t.same(await stored(60, () => { read('posts'); return 'page' }, { versions }), expected, 'a tracked read')
  t.same(await stored({ ttl: 60, tags: ['posts'] }), expected, 'tags of the route')
  t.same(await stored({ ttl: 60, tags: [] }), expected, 'a route that says that it needs none')
  t.same(await stored(60, (_request, reply) => reply.header('cache-groups', '"posts"').send('page')), expected,
    'tags of the response')
  t.same(await stored(60, undefined, { versions: memoryVersions() }), expected, 'no clock that tracks reads')
})

t.test('Cache-Status says untagged of variants, of collapsed requests and of stored streams', async (t) => {
  const { get } = await setUp(t, 60, ({ headers }) => headers['accept-language'])
  t.equal((await get({ 'accept-language': 'de' })).status, 'fwd=uri-miss; stored; ttl=60; detail=untagged')
  t.equal((await get({ 'accept-language': 'de' })).status, 'hit; ttl=60; detail=untagged')

  const shared = await setUp(t, 60)
  t.match(await Promise.all([shared.get(), shared.get()]), [
    { status: 'fwd=uri-miss; stored; ttl=60; detail=untagged' },
    { status: 'fwd=uri-miss; collapsed; ttl=60; detail=untagged' }
  ])

  const streams = await setUp(t, 60, () => Readable.from(['page']))
  t.equal((await streams.get()).status, 'fwd=uri-miss; ttl=60; detail=streamed')
  await streams.untilSettled()
  t.equal((await streams.get()).status, 'hit; ttl=60; detail=untagged')
})

t.test('another reason takes precedence over untagged', async (t) => {
  const { versions, read } = createClock()
  const { get, clock } = await setUp(t, { ttl: 60, staleWhileRevalidate: 60 }, (_request, _reply, call) => {
    if (call === 1) read('posts')
    return `call ${call}`
  }, { versions })
  await get()
  await versions.invalidate(['posts'])
  t.equal((await get()).status, 'fwd=stale; stored; ttl=60; detail=invalidated')
  t.equal((await get()).status, 'hit; ttl=60; detail=untagged')
  clock.advance(61)
  t.equal((await get()).status, 'hit; ttl=-1; detail=stale-while-revalidate')
})

t.test('the dashboard lists routes whose responses have no tags, and each such response is counted', async (t) => {
  const { versions, read } = createClock()
  let isTracked = true
  const { app, cache, get, clock } = await setUp(t, 60, () => {
    if (isTracked) read('posts')
    return 'page'
  }, { versions })
  const stats = new CacheStats(cache)
  t.teardown(() => stats.close())
  const find = () => createViewModel(stats, [])
    .tables.find(({ caption }) => caption.startsWith('Routes without tags'))?.rows
  await get()
  await get()
  t.equal(find(), undefined)
  isTracked = false
  clock.advance(61)
  await get()
  await get()
  await app.inject({ method: 'POST', url: '/page' })
  t.same(find(), [['/page', '2']])
})
