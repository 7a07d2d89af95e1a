import t from 'tap'
import { Writer } from '../../../src/db/sqlite/writer.ts'

t.test('a writer starts no thread before its first transaction', async (t) => {
  const writer = new Writer({ lockWaitMs: 10, start: () => t.fail('a thread started') as never })
  t.equal(writer.inTransaction, false)
  await writer.close()
})
