import { pino } from 'pino'
import t from 'tap'
import { createRequestLog } from '../../src/log/request-log.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

function record () {
  const lines: Array<{ level: number, reqId: string, msg: string }> = []
  const parent = pino({ level: 'trace' }, { write: (line: string) => { lines.push(JSON.parse(line)) } })
  return { parent, lines }
}

t.test('the log of a request writes at each level', async (t) => {
  const { parent, lines } = record()
  const log = createRequestLog.call({} as never, parent, { reqId: 'r1' }, {}, {} as never)
  for (const level of LEVELS) log[level](level)
  const written = LEVELS.filter((level) => level !== 'silent')
  t.same(lines.map(({ level, reqId, msg }) => ({ level, reqId, msg })), written.map((msg, i) => (
    { level: (i + 1) * 10, reqId: 'r1', msg })))
})

t.test('the log of a request has a level of its own', async (t) => {
  const { parent, lines } = record()
  const log = createRequestLog.call({} as never, parent, { reqId: 'r1' }, { level: 'warn' }, {} as never)
  t.equal(log.level, 'warn')
  log.info('left out')
  log.level = 'info'
  log.info('written')
  t.same(lines.map(({ msg }) => msg), ['written'])
  t.equal(parent.level, 'trace')
})

t.test('the log of a request that logs nothing makes no child', async (t) => {
  const { parent } = record()
  const children = t.capture(parent, 'child')
  createRequestLog.call({} as never, parent, { reqId: 'r1' }, {}, {} as never)
  t.equal(children().length, 0)
})
