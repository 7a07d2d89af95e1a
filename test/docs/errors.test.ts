import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readSources } from '../support/architecture/sources.ts'
import { ROOT } from './documents.ts'

const PACKAGE = /^(?:access|cache|clock|dashboard|larder|metrics|page-cache)\//
/** Files that make errors which no caller gets: they are logged, reasons of a miss or an outage, or copies. */
const INTERNAL = [
  'cache/entry/codec.ts', 'cache/entry/views.ts', 'cache/stores/redis/backplane.ts', 'cache/stores/redis/commands.ts',
  'cache/stores/redis/lease-notifications.ts', 'cache/util/limit-time.ts', 'dashboard/responses.ts',
  'page-cache/key/cloning.ts'
]
/** This one runs before any package is imported. */
const BEFORE_IMPORTS = 'larder/check-node.ts'

const sources = readSources('src')

t.test('docs/errors.md lists every error code of the package', async (t) => {
  const codes = sources.flatMap(({ text }) => text.match(/FST_ERR_LARDER_\w+/g) ?? [])
  const rows = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^\| `(\w+)` \|/gm)
  t.same(Array.from(rows, ([, code]) => code).sort(), [...new Set(codes)].sort())
})

t.test('the package throws no errors without a code', async (t) => {
  const withoutCode = sources
    .filter(({ path, text }) => PACKAGE.test(path) && /\bnew (?:Type|Range)?Error\(/.test(text))
    .map(({ path }) => path)
  t.same(withoutCode, [...INTERNAL, BEFORE_IMPORTS].sort())
})
