import t from 'tap'
import { encodePreparation, encodeQuery } from '../../../src/clock/postgres/messages.ts'

const END = 'E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04'

t.test('a query binds text to a prepared statement, executes it, and ends', async (t) => {
  t.equal(encodeQuery({ name: 'a', text: 'never sent' }, ['1:1:', null, 'é']).toString('latin1'),
    'B\0\0\0\x1f\0a\0\0\0\0\x03\0\0\0\x041:1:\xff\xff\xff\xff\0\0\0\x02\xc3\xa9\0\0' + END)
})

t.test('a statement without a name is parsed with each query, since a pooler may use another connection', async (t) => {
  t.equal(encodeQuery({ name: '', text: 'SELECT' }, []).toString('latin1'),
    'P\0\0\0\x0e\0SELECT\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0' + END)
})

t.test('statements are prepared together', async (t) => {
  t.equal(encodePreparation([{ name: 'a', text: 'b' }, { name: 'c', text: 'd' }]).toString('latin1'),
    'P\0\0\0\x0aa\0b\0\0\0P\0\0\0\x0ac\0d\0\0\0S\0\0\0\x04')
  t.equal(encodePreparation([]).toString('latin1'), 'S\0\0\0\x04')
})
