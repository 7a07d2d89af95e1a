import { pino } from 'pino'
import t from 'tap'
import { deferChildren } from '../../src/log/request-log.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

function record () {
  const lines: Array<{ level: number, reqId: string, msg: string }> = []
  const parent = pino({ level: 'trace' }, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  deferChildren(parent)
  return { parent, lines }
}

t.test('the log of a request writes at each level', async (t) => {
  const { parent, lines } = record()
  const log = parent.child({ reqId: 'r1' })
  for (const level of LEVELS) log[level](level)
  const written = LEVELS.filter((level) => level !== 'silent')
  t.same(lines.map(({ level, reqId, msg }) => ({ level, reqId, msg })), written.map((msg, i) => (
    { level: (i + 1) * 10, reqId: 'r1', msg })))
})

t.test('the log of a request has a level of its own', async (t) => {
  const { parent, lines } = record()
  const log = parent.child({ reqId: 'r1' }, { level: 'warn' })
  t.equal(log.level, 'warn')
  log.info('left out')
  log.level = 'info'
  log.info('written')
  t.same(lines.map(({ msg }) => msg), ['written'])
  t.equal(parent.level, 'trace')
})

t.test('the log of a request that logs nothing makes no child', async (t) => {
  const parent = pino({ level: 'silent' })
  const children = t.capture(parent, 'child', parent.child)
  deferChildren(parent)
  const log = parent.child({ reqId: 'r1' })
  t.equal(children().length, 0)
  log.info('first')
  log.info('second')
  t.match(children(), [{ args: [{ reqId: 'r1' }], receiver: parent }])
})
