import t from 'tap'
import { testDatabase } from '../../support/database-contract/index.ts'
import { openNotes, shareNotes } from './support.ts'

const share = shareNotes(t)

testDatabase(t, (t, limits) => limits === undefined ? share() : openNotes(t, limits))
