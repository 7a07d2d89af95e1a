import { misses } from './load/misses.ts'
import { stopped } from './load/stopped.ts'
import { urls } from './load/urls.ts'
import { measure } from './support/sections.ts'

/*
 * Measures the caches under load: concurrent misses in several processes, a Redis that stops, and more URLs than fit.
 * Takes about five minutes, most of them for the URLs.
 */
await measure({
  '1,000 concurrent misses of one page, over four processes that share a Redis': misses,
  'Pages of the service at 100 requests per second each; other: while Redis responds': stopped,
  'Memory while each URL is requested once': urls
})
