import t from 'tap'
import { divide, divideIds, STEP_ROWS } from '../../src/products/steps.ts'

t.test('divide yields parts of limited size', async (t) => {
  t.same([...divide([])], [])
  t.same([...divide([1, 2, 3, 4], 2)], [[1, 2], [3, 4]])
  t.same([...divide([1, 2, 3], 2)], [[1, 2], [3]])
  t.same([...divide(Array(STEP_ROWS + 1).fill(0))].map(({ length }) => length), [STEP_ROWS, 1])
})

t.test('divideIds yields each id once', async (t) => {
  t.same([...divideIds([3, 1, 3])], [[3, 1]])
  t.same([...divideIds([])], [])
})
