import t from 'tap'
import { findLastPage, listPageNumbers } from '../../../src/products/pages/pager.ts'

t.test('the pager lists the first page, the last one, and those around the current one', async (t) => {
  const cases: Array<[page: number, last: number, numbers: string]> = [
    [1, 1, '1'],
    [1, 2, '1 2'],
    [1, 3, '1 2 3'],
    [1, 9, '1 2 … 9'],
    [3, 9, '1 2 3 4 … 9'],
    [4, 9, '1 2 3 4 5 … 9'],
    [5, 9, '1 … 4 5 6 … 9'],
    [9, 9, '1 … 8 9'],
    [1_200, 1_000, '1 … 1000 … 1200']
  ]
  for (const [page, last, numbers] of cases) {
    t.equal(listPageNumbers(page, last).map((number) => number ?? '…').join(' '), numbers)
  }
})

t.test('a list without products has one page', async (t) => {
  t.same([0, 1, 100, 101].map((total) => findLastPage(total, 100)), [1, 1, 1, 2])
})
