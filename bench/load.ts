import { misses } from './load/misses.ts'
import { stopped } from './load/stopped.ts'
import { urls } from './load/urls.ts'
import { measure } from './support/sections.ts'

/**
 * Measures the caches under load: many misses at once over several processes, hits against bare routes that send the
 * same bytes, a Redis that stops, and more URLs than fit. Takes about five minutes, most of them for the URLs.
 */
await measure({
  '1,000 requests that miss one page at once, over four processes that share a Redis': misses,
  'Pages of the service at 100 requests a second each; other: while Redis answers': stopped,
  'Memory while each URL is asked for once': urls
})
