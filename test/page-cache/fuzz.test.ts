import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { soak } from '../support/soak.ts'
import { type Answer, ask, hangUp, type Question } from './fuzz/ask.ts'
import { FIELDS, handler } from './fuzz/origin.ts'

/** So many questions, on so few paths that many are answered from the cache. */
const QUESTIONS = Number(process.env.FUZZ_QUESTIONS ?? soak(1_500, 300))
const SEED = Number(process.env.FUZZ_SEED ?? 1)
const PATHS = soak(40, 5)

t.teardown(hangUp)

const value = fc.oneof(fc.constantFrom(
  '', '1', '2', 'a, b', 'a,b', '"a,b"', 'de, en;q=0.5', 'DE,en;q=0.5', 'id=1', ' 1 ', 'x'.repeat(300), '\u00e9'
))
const fields = fc.array(fc.tuple(fc.constantFrom(...FIELDS, 'X-A', 'x-unread', 'traceparent'), value), { maxLength: 3 })
const special = fc.constantFrom<string[]>(
  [], [], [], [], ['If-None-Match', '*'], ['if-none-match', '"own", W/"x"'],
  ['If-Modified-Since', 'Sun, 06 Nov 1994 08:49:37 GMT'], ['if-modified-since', 'yesterday'],
  ['Range', 'bytes=0-3'], ['range', 'bytes=-2'], ['Range', 'bytes=99999-'], ['Range', 'bytes=0-1,3-4'],
  ['Range', 'bytes=1-2', 'If-Range', '"x"'],
  ['Cache-Control', 'no-cache'], ['Pragma', 'no-cache'], ['Authorization', 'Basic eDp5'], ['Connection', 'x-a']
)
const question: fc.Arbitrary<Question> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'GET', 'HEAD', 'POST'),
  path: fc.tuple(fc.integer({
    min: 0, max: PATHS - 1
  }), fc.constantFrom('', '', '', '?', '?a=1', '?a=1&b=2', '?b=2&a=1', '?%61=1', '?a=%31&a=2', '?a', '?a=', '?utm=x'))
    .map(([n, query]) => `/p${n}${query}`),
  headers: fc.tuple(fc.constantFrom('shop.example', 'Shop.Example', 'other.example:8080'), fields, special)
    .map(([host, fields, special]) => ['Host', host, ...fields.flat(), ...special])
})

/** Two services with one handler, the one without and the other with the page cache. */
async function twins (t: Test, cachePage: CachePageOptions) {
  const clock = fakeClock()
  const apps = await Promise.all([false, true].map(async (cached) => {
    const app = Fastify()
    if (cached) {
      await app.register(pageCache, {
        cache: createCache({ store: memoryStore({ now: clock.now }), now: clock.now }), now: clock.now
      })
    }
    app.all('/*', { config: { cachePage } }, handler as never)
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    return (app.server.address() as AddressInfo).port
  }))
  return { clock, plain: apps[0]!, cached: apps[1]! }
}

/** Fields that a cache sets, or may. */
const OF_THE_CACHE = new Set([
  'age', 'cache-status', 'server-timing', 'etag', 'vary', 'date', 'content-length', 'transfer-encoding', 'connection',
  'keep-alive', 'cache-control', 'expires', 'content-range'
])

/** Compares a response of the cache with that of the handler alone; returns the difference, if there is one. */
function wrong ({ method, headers: asked }: Question, plain: Answer, cached: Answer): string | undefined {
  const whole = cached.status === plain.status
  const conditional = asked.some((name) => /^if-(none-match|modified-since)$/i.test(name))
  const ranged = asked.some((name) => /^range$/i.test(name))
  if (!whole && !(cached.status === 304 && conditional && plain.status === 200) && !([
    206, 416
  ].includes(cached.status) && ranged && plain.status === 200)) {
    return `status ${cached.status}, not ${plain.status}`
  }
  if (whole && !cached.body.equals(plain.body)) {
    return `body ${JSON.stringify(
    String(cached.body).slice(0, 200)
  )}, not ${JSON.stringify(String(plain.body).slice(0, 200))}`
  }
  if (cached.status === 206) {
    const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(String(cached.headers['content-range'])) ?? []
    if (Number(size) !== plain.body.length || !cached.body.equals(
      plain.body.subarray(Number(start), Number(end) + 1)
    )) return 'another part'
  }
  if (cached.status === 304 && cached.body.length > 0) return 'a body with 304'
  if (method === 'HEAD' && cached.body.length > 0) return 'a body for HEAD'
  for (const name of new Set([...Object.keys(plain.headers), ...Object.keys(cached.headers)])) {
    if (OF_THE_CACHE.has(name)) continue
    if (name === 'content-type' && [304, 416].includes(cached.status)) continue
    if (name === 'last-modified' && cached.status === 416) continue
    // A hit does not have the headers that the response forbids to store.
    const isForbidden = name === 'x-odd' && /x-odd/i.test(String(plain.headers['cache-control']))
    if (isForbidden && cached.headers[name] === undefined) continue
    const [expected, actual] = [plain.headers[name], cached.headers[name]]
    if (String(expected) !== String(actual)) return `${name}: ${actual}, not ${expected}`
  }
  const etag = plain.headers.etag
  if (etag !== undefined && whole && cached.headers.etag !== etag) return `etag ${cached.headers.etag}, not ${etag}`
  return undefined
}

for (const cachePage of [
  {}, { ttl: 30 }, { ttl: 30, query: ['a', 'b'], vary: ['x-unread'], key: () => 'k' }
] as CachePageOptions[]) {
  t.test(`with ${JSON.stringify(
    Object.keys(cachePage)
  )} a response is the one that the handler alone would send`, async (t) => {
    const { clock, plain, cached } = await twins(t, cachePage)
    const questions = fc.sample(question, { numRuns: QUESTIONS, seed: SEED })
    const wrongs: string[] = []
    let hits = 0
    for (let i = 0; i < questions.length; i += 4) {
      // A few at a time, since they meet then.
      const some = questions.slice(i, i + 4)
      const due = await Promise.all(some.map((question) => ask(plain, hidden(question, cachePage))))
      const got = await Promise.all(some.map((question) => ask(cached, question)))
      for (const [j, question] of some.entries()) {
        const complaint = wrong(question, due[j]!, got[j]!)
        if (/; hit/.test(String(got[j]!.headers['cache-status']))) hits++
        if (complaint !== undefined) {
          wrongs.push(`${question.method} ${question.path} ${JSON.stringify(
          question.headers
        )} ${got[j]!.headers['cache-status']}: ${complaint}`)
        }
      }
      clock.advance(0.2)
    }
    t.same(wrongs.slice(0, 5), [], `${wrongs.length} of ${questions.length}`)
    t.ok(hits > QUESTIONS / 10, `${hits} were answered from the cache`)
  })
}

/** The question as the handler gets to see it. */
function hidden (question: Question, { query }: CachePageOptions): Question {
  if (query === undefined) return question
  const [path, search = ''] = question.path.split('?')
  const keyed = search.split('&').filter((pair) => query.includes(decodeURIComponent(pair.split('=')[0]!)))
  return { ...question, path: keyed.length === 0 ? path! : `${path}?${keyed.join('&')}` }
}
