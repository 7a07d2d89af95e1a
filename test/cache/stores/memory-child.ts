import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import { memoryUsed } from '../../support/heap.ts'

/* Fills a memory store, and prints what it holds, and the memory that is freed when it is cleared, by kind of entry. */

const maxBytes = Number(process.argv[2])
const counts = JSON.parse(process.argv[3]!) as Record<string, number>
const cache = createCache({ store: memoryStore({ maxBytes }) })
const app = Fastify()
await app.register(pageCache, { cache })
app.get('/:size/:number', { config: { cachePage: 300 } }, async ({ params }, reply) => {
  const { size, number } = params as { size: string, number: string }
  return reply.type('text/html').send(number.padEnd(Number(size), 'x'))
})
await app.ready()

function makeRows (i: number, length: number): object[] {
  return Array.from({ length }, (_, j) => ({ id: i * j, title: `Product ${j} of ${i}`, price: `${i}.${j}`, x: j / 7 }))
}

function makeTimes (i: number, length: number): number[] {
  return Array.from({ length }, (_, j) => 1.7e12 + i * j)
}

const FILLS: Record<string, (i: number) => Promise<unknown>> = {
  'pages of 1 kB': (i) => app.inject(`/1000/${i}`),
  'pages of 30 kB': (i) => app.inject(`/30000/${i}`),
  'shared values of 1 row': (i) => cache.getOrSet(`key ${i}`, () => makeRows(i, 1), { shared: true }),
  'shared values of 100 rows': (i) => cache.getOrSet(`key ${i}`, () => makeRows(i, 100), { shared: true }),
  'shared values of a number': (i) => cache.getOrSet(`key ${i}`, () => i, { shared: true }),
  'shared times': (i) => cache.getOrSet(`key ${i}`, () => makeTimes(i, 1_000), { shared: true }),
  'shared arrays with holes': (i) =>
    cache.getOrSet(`key ${i}`, () => Object.assign([], { 1_000: i }), { shared: true }),
  'shared maps': (i) => cache.getOrSet(`key ${i}`, () => new Map(makeRows(i, 20).entries()), { shared: true }),
  'shared text': (i) => cache.getOrSet(`key ${i}`, () => ['ž'.repeat(2000) + i], { shared: true }),
  'text of 1 kB': (i) => cache.set(`key ${i}`, 'x'.repeat(1000)),
  numbers: (i) => cache.set(`key ${i}`, i)
}

async function fill (kind: string, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await FILLS[kind]!(i)
    await FILLS[kind]!(i) // a hit, which keeps what it has derived
    await turn() // as between requests on a server
  }
}

const results: Record<string, object> = {}
for (const [kind, count] of Object.entries(counts)) {
  await fill(kind, 0, 200) // compiles the code
  const { evictions } = cache.stats()!
  await fill(kind, 200, 200 + count)
  const stats = cache.stats()!
  const full = await memoryUsed()
  await cache.clear()
  results[kind] = { ...stats, evictions: stats.evictions - evictions, used: full - await memoryUsed() }
}
process.stdout.write(JSON.stringify(results))
await app.close()
