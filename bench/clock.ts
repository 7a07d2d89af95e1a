import { bulk } from './clock/bulk.ts'
import { checks } from './clock/check.ts'
import { gets } from './clock/gets.ts'
import { oneRow } from './clock/one-row.ts'
import { pageHits } from './clock/pages.ts'
import { sizes } from './clock/size.ts'
import { tagInvalidations } from './clock/tags.ts'
import { hasWrk } from './support/load.ts'
import { measure } from './support/sections.ts'

/*
 * Measures what the version clock costs: the check on a hit, the triggers on a write, its size, and invalidating a tag.
 *
 * Compared variants take turns, over several rounds; figures are medians. Services run in their own processes, on their
 * own files in a temporary folder. Takes about a minute. Uses wrk if it is installed.
 */

const LOAD = `by ${hasWrk ? 'wrk' : 'our own loop'}, 32 connections`

await measure({
  'The check of an entry, in process': checks,
  [`Hits of a page of 5 KiB, ${LOAD}; other: a page without tags`]: pageHits,
  'Hits of cache.get; other: an entry without tags': gets,
  'One statement that changes 100,000 rows; other: without triggers': bulk,
  'Update of one row in its own transaction; other: without triggers': oneRow,
  'Size of the clock': sizes,
  'cache.invalidateTags of one tag': tagInvalidations
})
