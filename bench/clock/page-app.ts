import Fastify from 'fastify'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { openProducts } from '../../src/products/index.ts'
import { median } from '../support/turns.ts'

/* Serves cached pages that have the same bytes, whatever they read. Argument: the path of the database. */

const PAGE_BYTES = 5 * 1024
const body = Buffer.alloc(PAGE_BYTES, '<p>All that a page says.</p>\n')

const app = Fastify()
const database = openDatabase(`file:${process.argv[2]}`)
const cache = createCache({ store: memoryStore(), versions: database.versions })
const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
await app.register(pageCache, { cache })

const READS: Record<string, () => Promise<unknown>> = {
  '/nothing': async () => {},
  '/list': () => products.list(),
  '/row': () => products.find(1)
}
for (const [url, read] of Object.entries(READS)) {
  app.get(url, { config: { cachePage: 300 } }, async (request, reply) => {
    await read()
    return reply.type('text/html; charset=utf-8').send(body)
  })
}

app.get('/cpu', async () => process.cpuUsage())

const { versions } = database
const { firstChanged } = versions
let times: number[] = []
/** Returns the median of the checks since the last request, in microseconds. The first request starts the timing. */
app.get('/checks', async () => {
  const figure = times.length === 0 ? null : median(times) * 1000
  times = []
  versions.firstChanged = (stamp, tags) => {
    const began = performance.now()
    const changed = firstChanged(stamp, tags)
    times.push(performance.now() - began)
    return changed
  }
  return figure
})

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
