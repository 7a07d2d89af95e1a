import t from 'tap'
import { classifyError, translateError } from '../../../src/db/postgres/error-translation.ts'
import { explainOpenError } from '../../../src/db/postgres/open-errors.ts'
import { createWarn } from '../../../src/db/warn.ts'

const fromServer = (code: string) => Object.assign(new Error('x'), { code, severity: 'ERROR' })

t.test('errors of the server and of the driver are translated, and others are not', async (t) => {
  for (const [error, kind, code] of [
    [fromServer('57P01'), 'unavailable', 'LARDER_DATABASE_UNAVAILABLE'],
    [fromServer('53300'), 'connections', 'LARDER_DATABASE_UNAVAILABLE'],
    [fromServer('25006'), 'readOnly', 'LARDER_DATABASE_READ_ONLY'],
    [fromServer('53100'), 'full', 'LARDER_DATABASE_FULL'],
    [fromServer('40P01'), 'busy', 'LARDER_DATABASE_BUSY'],
    [fromServer('25P02'), 'over', 'LARDER_TRANSACTION_OVER'],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'unavailable', 'LARDER_DATABASE_UNAVAILABLE'],
    [new Error('Connection terminated unexpectedly'), 'unavailable', 'LARDER_DATABASE_UNAVAILABLE'],
    [fromServer('23505'), undefined, '23505'],
    [new Error('oops'), undefined, undefined]
  ] as const) {
    t.equal(classifyError(error), kind)
    t.equal((translateError(error) as { code?: string }).code, code)
  }
})

t.test('the reason why a database cannot be opened is one sentence, also without advice', async (t) => {
  t.equal(explainOpenError(new Error('oops\n  twice')), 'oops twice.')
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' })
  t.match(explainOpenError(new AggregateError([refused])), /^connect ECONNREFUSED ::1:1\. Start PostgreSQL/)
  t.equal(explainOpenError(new AggregateError([refused], 'all')), 'all.')
})

t.test('warnings need no listener', async (t) => {
  createWarn()('kind', 'message')
})
