import t from 'tap'
import { type Observation, type Row, toRow, Truth } from './truth.ts'

const one = toRow('products', 1)
const two = toRow('products', 2)
const three = toRow('products', 3)

/** A response that contains all products. */
const all = (...seen: Array<[Row, number]>): Observation => ({ seen: new Map(seen), covers: () => true })

/** Products 1 and 2, created by write 1. */
function setUp () {
  const truth = new Truth()
  truth.commit(truth.begin('create', []), [one, two])
  return truth
}

t.test('a replaced number is stale for requests that begin after the commit', async (t) => {
  const truth = setUp()
  const before = truth.snapshot()
  const write = truth.begin('update', [one])
  const meanwhile = truth.snapshot()
  truth.commit(write)
  for (const snapshot of [before, meanwhile]) {
    t.equal(truth.findError(snapshot, all([one, 1], [two, 1])), undefined, 'a response may show the old number')
    t.equal(truth.findError(snapshot, all([one, 2], [two, 1])), undefined, 'and the new one')
  }
  t.equal(truth.findError(truth.snapshot(), all([one, 2], [two, 1])), undefined)
  t.match(truth.findError(truth.snapshot(), all([one, 1], [two, 1])), 'products/1 says 1, which is stale')
})

t.test('writes that overlap may take effect in either order', async (t) => {
  const truth = setUp()
  const [first, second] = [truth.begin('update', [one]), truth.begin('update', [one])]
  truth.commit(second)
  truth.commit(first)
  for (const n of [2, 3]) t.equal(truth.findError(truth.snapshot(), all([one, n], [two, 1])), undefined)
})

t.test('data that was rolled back, or that nobody wrote, must never be seen', async (t) => {
  const truth = setUp()
  const doomed = truth.begin('rollback', [one], { doomed: true })
  t.match(truth.findError(truth.snapshot(), all([one, 2], [two, 1])), 'which was never committed')
  truth.undo(doomed)
  t.match(truth.findError(truth.snapshot(), all([one, 2], [two, 1])), 'which was never committed')
  truth.commit(truth.begin('update', [one]))
  t.match(truth.findError(truth.snapshot(), all([one, 3], [two, 3])), 'products/2 says 3, which was not written there')
  t.match(truth.findError(truth.snapshot(), all([one, 9], [two, 1])), 'which was never written')
})

t.test('a response may not omit an existing product or show a deleted one', async (t) => {
  const truth = setUp()
  t.match(truth.findError(truth.snapshot(), all([one, 1])), 'products/2 is missing')
  const removal = truth.begin('delete', [two], { removes: true })
  t.equal(truth.findError(truth.snapshot(), all([one, 1])), undefined, 'it may be deleted already')
  truth.commit(removal, [two])
  t.equal(truth.findError(truth.snapshot(), all([one, 1])), undefined)
  t.match(truth.findError(truth.snapshot(), all([one, 1], [two, 1])), 'products/2 says 1, which is stale')
  truth.commit(truth.begin('insert', [two]), [two])
  t.match(truth.findError(truth.snapshot(), all([one, 1])), 'products/2 is missing')
  truth.undo(truth.begin('delete', [two], { removes: true }))
  t.match(truth.findError(truth.snapshot(), all([one, 1])), 'products/2 is missing', 'a deletion that was undone')
})

t.test('an update of all changes the products that existed when it began', async (t) => {
  const truth = setUp()
  truth.commit(truth.begin('delete', [two], { removes: true }), [two])
  truth.commit(truth.begin('update', 'products'))
  t.equal(truth.findError(truth.snapshot(), all([one, 3])), undefined, 'it does not restore a deleted product')
  t.match(truth.findError(truth.snapshot(), all([one, 1])), 'is stale')
})

t.test('a response may show a new product before its id is known, and must show it afterwards', async (t) => {
  const truth = setUp()
  const tooEarly = truth.findError(truth.snapshot(), all([one, 1], [two, 1], [three, 1]))
  t.match(tooEarly, 'products/3 says 1, which was not written there')
  const creation = truth.begin('create', [])
  for (const response of [all([one, 1], [two, 1]), all([one, 1], [two, 1], [three, 2])]) {
    t.equal(truth.findError(truth.snapshot(), response), undefined)
  }
  const update = truth.begin('update', 'products')
  truth.commit(update)
  const updated = truth.findError(truth.snapshot(), all([one, 3], [two, 3], [three, 3]))
  t.equal(updated, undefined, 'with the number of another write')
  truth.commit(creation, [three])
  t.match(truth.findError(truth.snapshot(), all([one, 3], [two, 3])), 'products/3 is missing')
})

t.test('a response may or may not show a write of unknown fate, until another write follows', async (t) => {
  const truth = setUp()
  truth.setUnknown(truth.begin('update', [one]))
  truth.setUnknown(truth.begin('delete', [two], { removes: true }))
  for (const response of [all([one, 1], [two, 1]), all([one, 2])]) {
    t.equal(truth.findError(truth.snapshot(), response), undefined)
  }
  truth.commit(truth.begin('update', 'products'), [one, two])
  t.match(truth.findError(truth.snapshot(), all([one, 2], [two, 4])), 'products/1 says 2, which is stale')
  t.match(truth.findError(truth.snapshot(), all([one, 4])), 'products/2 is missing')
})
