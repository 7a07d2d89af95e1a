import t from 'tap'
import { AnswerReader, type Row } from '../../../src/clock/postgres/answers.ts'
import { READY, writeAnswer, writeError, writeResult, writeRow } from '../../support/postgres-answers.ts'

/** A reader, and what it reports. */
function createReader () {
  const answers: Array<string | readonly Row[]> = []
  const reader = new AnswerReader((error, rows) => answers.push(error?.message ?? rows))
  return { answers, read: (...messages: Buffer[]) => reader.read(Buffer.concat(messages)) }
}

t.test('rows, errors and notices are read, however they are cut', async (t) => {
  const bytes = Buffer.concat([
    writeResult('a', null, '', 'é'),
    writeAnswer('N', 'SNOTICE\0Mno matter\0\0'), writeAnswer('1'),
    writeRow('lost'), writeError('42P01', 'no table'), READY,
    writeAnswer('S', 'TimeZone\0UTC\0'), writeRow(), writeRow('b'), READY
  ])
  const expected = [[['a', null, '', 'é']], 'no table', [[], ['b']]]
  for (let length = 1; length <= bytes.length; length++) {
    const { answers, read } = createReader()
    for (let start = 0; start < bytes.length; start += length) read(bytes.subarray(start, start + length))
    t.strictSame(answers, expected, `chunks of ${length} bytes`)
  }
})

t.test('the first error of a query is reported, also one without a message', async (t) => {
  const { answers, read } = createReader()
  read(writeAnswer('E', '\0'), writeError('42P01', 'later'), READY, READY)
  t.strictSame(answers, ['unknown error', []])
})

t.test('what is not known is refused, since nothing that follows can be trusted', async (t) => {
  const long = Buffer.alloc(5, 'D')
  long.writeInt32BE(2 ** 30, 1)
  const unknown: Array<[bytes: Buffer, message: string]> = [
    [writeAnswer('G'), 'The server has sent an unknown message of the type G.'],
    [writeAnswer('A', 'notification'), 'The server has sent an unknown message of the type A.'],
    [writeAnswer('Z', 'T'), 'The server is in the state T, but no transaction was begun.'],
    [writeAnswer('Z', 'E'), 'The server is in the state E, but no transaction was begun.'],
    [Buffer.from('HTTP/1.1 200 OK'), 'The server has sent a message of 1414811695 bytes.'],
    [Buffer.from([68, 0, 0, 0, 3]), 'The server has sent a message of 3 bytes.'],
    [long, 'The server has sent a message of 1073741824 bytes.'],
    [writeAnswer('D', Buffer.from([0, 0, 0])), 'The server has sent a row of another length.'],
    [writeAnswer('D', Buffer.from([0, 1, 0, 0, 0, 9, 65])), 'The server has sent a row of another length.']
  ]
  for (const [bytes, message] of unknown) {
    const { answers, read } = createReader()
    t.throws(() => read(bytes, READY), { message })
    t.same(answers, [])
  }
})
