import t from 'tap'
import { type Answer, type Row, rowOf, Truth } from './truth.ts'

/** The judge of the storm, judged. */

const one = rowOf('products', 1)
const two = rowOf('products', 2)
const three = rowOf('products', 3)

/** An answer that claims to be all products. */
const all = (...seen: Array<[Row, number]>): Answer => ({ seen: new Map(seen), covers: () => true })

/** Products 1 and 2, which number 1 created. */
function setUp () {
  const truth = new Truth()
  truth.commit(truth.begin('create', []), [one, two])
  return truth
}

t.test('what a committed write replaced is stale to who begins afterwards', async (t) => {
  const truth = setUp()
  const before = truth.look()
  const write = truth.begin('update', [one])
  const meanwhile = truth.look()
  truth.commit(write)
  for (const look of [before, meanwhile]) {
    t.equal(truth.wrong(look, all([one, 1], [two, 1])), undefined, 'it may be seen')
    t.equal(truth.wrong(look, all([one, 2], [two, 1])), undefined, 'and what came then')
  }
  t.equal(truth.wrong(truth.look(), all([one, 2], [two, 1])), undefined)
  t.match(truth.wrong(truth.look(), all([one, 1], [two, 1])), 'products/1 says 1, which is stale')
})

t.test('writes that overlap may stand in either order', async (t) => {
  const truth = setUp()
  const [first, second] = [truth.begin('update', [one]), truth.begin('update', [one])]
  truth.commit(second)
  truth.commit(first)
  for (const n of [2, 3]) t.equal(truth.wrong(truth.look(), all([one, n], [two, 1])), undefined)
})

t.test('what is rolled back is never to be seen, neither is what nobody wrote there', async (t) => {
  const truth = setUp()
  const doomed = truth.begin('rollback', [one], { doomed: true })
  t.match(truth.wrong(truth.look(), all([one, 2], [two, 1])), 'which was never committed')
  truth.undo(doomed)
  t.match(truth.wrong(truth.look(), all([one, 2], [two, 1])), 'which was never committed')
  truth.commit(truth.begin('update', [one]))
  t.match(truth.wrong(truth.look(), all([one, 3], [two, 3])), 'products/2 says 3, which was not written there')
  t.match(truth.wrong(truth.look(), all([one, 9], [two, 1])), 'which nobody wrote')
})

t.test('what is there may not be missing, and what was deleted may not be there', async (t) => {
  const truth = setUp()
  t.match(truth.wrong(truth.look(), all([one, 1])), 'products/2 is missing')
  const removal = truth.begin('delete', [two], { removes: true })
  t.equal(truth.wrong(truth.look(), all([one, 1])), undefined, 'it may be gone already')
  truth.commit(removal, [two])
  t.equal(truth.wrong(truth.look(), all([one, 1])), undefined)
  t.match(truth.wrong(truth.look(), all([one, 1], [two, 1])), 'products/2 says 1, which is stale')
  truth.commit(truth.begin('insert', [two]), [two])
  t.match(truth.wrong(truth.look(), all([one, 1])), 'products/2 is missing')
  truth.undo(truth.begin('delete', [two], { removes: true }))
  t.match(truth.wrong(truth.look(), all([one, 1])), 'products/2 is missing', 'a deletion that was undone')
})

t.test('an update of all counts for those that were there when it began', async (t) => {
  const truth = setUp()
  truth.commit(truth.begin('delete', [two], { removes: true }), [two])
  truth.commit(truth.begin('update', 'products'))
  t.equal(truth.wrong(truth.look(), all([one, 3])), undefined, 'it brings back none that was deleted')
  t.match(truth.wrong(truth.look(), all([one, 1])), 'is stale')
})

t.test('a product that is being created may be seen before its id is told, and must be afterwards', async (t) => {
  const truth = setUp()
  t.match(truth.wrong(truth.look(), all([one, 1], [two, 1], [three, 1])), 'products/3 says 1, which was not written there')
  const creation = truth.begin('create', [])
  for (const answer of [all([one, 1], [two, 1]), all([one, 1], [two, 1], [three, 2])]) t.equal(truth.wrong(truth.look(), answer), undefined)
  const update = truth.begin('update', 'products')
  truth.commit(update)
  t.equal(truth.wrong(truth.look(), all([one, 3], [two, 3], [three, 3])), undefined, 'as others have changed it')
  truth.commit(creation, [three])
  t.match(truth.wrong(truth.look(), all([one, 3], [two, 3])), 'products/3 is missing')
})

t.test('a write in doubt may be seen or not, until another follows', async (t) => {
  const truth = setUp()
  truth.doubt(truth.begin('update', [one]))
  truth.doubt(truth.begin('delete', [two], { removes: true }))
  for (const answer of [all([one, 1], [two, 1]), all([one, 2])]) t.equal(truth.wrong(truth.look(), answer), undefined)
  truth.commit(truth.begin('update', 'products'), [one, two])
  t.match(truth.wrong(truth.look(), all([one, 2], [two, 4])), 'products/1 says 2, which is stale')
  t.match(truth.wrong(truth.look(), all([one, 4])), 'products/2 is missing')
})
