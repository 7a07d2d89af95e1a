import t from 'tap'
import { testDatabase } from '../../support/database-contract/index.ts'
import { openNotes, shareNotes } from './support.ts'

const share = shareNotes(t)

t.test('the age of what is known counts outside of transactions only, which see their own changes', async (t) => {
  const { database: { transaction, versions } } = await share()
  const stamp = await versions.stamp()
  await versions.firstChanged(stamp, ['products'])
  t.type(versions.measureStaleness!(stamp, ['products']), 'number')
  t.equal(await transaction(() => versions.measureStaleness!(stamp, ['products'])), undefined)
})

testDatabase(t, (t, limits) => limits === undefined ? share() : openNotes(t, limits))
