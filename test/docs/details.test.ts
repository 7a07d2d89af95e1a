import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DETAILS } from '../../src/page-cache/http/details.ts'
import { ROOT } from './documents.ts'

/** Lists the words in the first column of the table of details. */
function readDocumented (): string[] {
  const [, table = ''] = /### Details\n(.*?)\n## /s.exec(readFileSync(join(ROOT, 'docs/observability.md'), 'utf8'))!
  const cells = Array.from(table.matchAll(/^\| (`.*?) \|/gm), ([, cell]) => cell!.replace(/`fwd=.*?`/g, ''))
  return cells.slice(1).flatMap((cell) => Array.from(cell.matchAll(/`([a-z0-9-]+)`/g), ([, word]) => word!))
}

t.test('the documentation explains exactly the details of Cache-Status that exist', async (t) => {
  const words = new Set(DETAILS.map((detail) => detail.replace(/:ignoreAddress$/, '')))
  const documented = new Set(readDocumented().filter((word) => !word.startsWith('status-')))
  t.strictSame([...documented].sort(), [...words].sort())
})
