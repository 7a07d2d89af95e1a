import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { soak } from '../../support/soak.ts'

const MAX_BYTES = 1024 * 1024
/** How many entries fill the store more than twice, by kind. */
const SOME: Record<string, number> = {
  'pages of 1 kB': 550,
  'shared values of 100 rows': 90,
  'shared arrays with holes': 260,
  'text of 1 kB': 1_300
}
const MORE: Record<string, number> = {
  'pages of 30 kB': 50,
  'shared values of 1 row': 2_300,
  'shared values of a number': 3_500,
  'shared times': 130,
  'shared maps': 400,
  'shared text': 270,
  numbers: 3_200
}
const COUNTS = soak({ ...SOME, ...MORE }, SOME)

const child = new URL('memory-child.ts', import.meta.url).pathname
const args = [child, String(MAX_BYTES), JSON.stringify(COUNTS)]
const { stdout } = await promisify(execFile)(process.execPath, args)

for (const [kind, result] of Object.entries(JSON.parse(stdout) as Record<string, Record<string, number>>)) {
  t.test(`memoryStore() uses at most 1.25 of maxBytes when it is full of ${kind}`, async (t) => {
    const { used, bytes, evictions, entries } = result as Record<'used' | 'bytes' | 'evictions' | 'entries', number>
    const what = `${entries} entries count ${bytes} bytes, use ${used}`
    t.ok(evictions > entries, `${what}; the store was filled twice`)
    t.ok(bytes <= MAX_BYTES, what)
    t.ok(bytes > 0.8 * MAX_BYTES, `${what}; the room is used`)
    t.ok(used <= 1.25 * MAX_BYTES, what)
    t.ok(used > 0.5 * MAX_BYTES, `${what}; no entry counts for much more than it uses`)
  })
}
