import { bulk } from './clock/bulk.ts'
import { checks } from './clock/check.ts'
import { gets } from './clock/gets.ts'
import { oneRow } from './clock/one-row.ts'
import { pageHits } from './clock/pages.ts'
import { sizes } from './clock/size.ts'
import { tagMoves } from './clock/tags.ts'
import { hasWrk } from './support/load.ts'
import { measure } from './support/sections.ts'

/**
 * Measures what the clock costs: the check on a hit, the triggers on a write, the room that it takes, and moving a tag.
 * What is compared runs in turns, over several rounds; figures are medians. Services and pages run in processes of
 * their own, on files of their own in a temporary folder. Takes about a minute; pages are asked for by wrk where it is
 * installed.
 */

await measure({
  'The check of an entry, in process': checks,
  [`Hits of a page of 5 KiB, by ${hasWrk ? 'wrk' : 'a loop of our own'}, 32 connections; other: a page without tags`]: pageHits,
  'Hits of cache.get; other: an entry without tags': gets,
  'One statement that changes 100,000 rows; other: without triggers': bulk,
  'Update of one row in a transaction of its own; other: without triggers': oneRow,
  'Size of the clock': sizes,
  'cache.invalidateTags of one tag': tagMoves
})
