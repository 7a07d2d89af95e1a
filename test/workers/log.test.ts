import { hostname } from 'node:os'
import t from 'tap'
import { createLog } from '../../src/workers/log.ts'

function record (level: string | undefined) {
  const lines: string[] = []
  const log = createLog(level, (line) => { lines.push(line) })
  log.info('one')
  log.warn('two')
  log.error(new TypeError('three'))
  log.error('four')
  log.always('five')
  return lines
}

t.test('the log of the primary has lines in the format of pino', async (t) => {
  const lines = record('info')
  t.ok(lines.every((line) => line.endsWith('}\n')))
  const base = { pid: process.pid, hostname: hostname(), time: Number }
  t.match(lines.map((line) => JSON.parse(line)), [
    { ...base, level: 30, msg: 'one' },
    { ...base, level: 40, msg: 'two' },
    { ...base, level: 50, msg: 'three', err: { type: 'TypeError', message: 'three', stack: /log\.test/ } },
    { ...base, level: 50, msg: 'four' },
    { ...base, level: 30, msg: 'five' }
  ])
})

t.test('LOG_LEVEL filters all lines but those that are always written', async (t) => {
  const messages = (level?: string) => record(level).map((line) => JSON.parse(line).msg)
  t.same(messages('error'), ['three', 'four', 'five'])
  t.same(messages('silent'), ['five'])
  t.same(messages(), ['one', 'two', 'three', 'four', 'five'])
  t.same(messages('loud'), messages('info'), 'the workers refuse an unknown level')
})

t.test('the log of the primary writes to stdout', async (t) => {
  const written = t.capture(process.stdout, 'write', () => true)
  createLog('info').info('hello')
  written.restore()
  t.match(written().map(({ args: [line] }) => line), [/"msg":"hello"/])
})
