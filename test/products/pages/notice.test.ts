import t from 'tap'
import type { Product } from '../../../src/products/index.ts'
import { createNotice, findNoticeRow } from '../../../src/products/pages/notice.ts'

const product = (id: number, created: string): Product => ({ id, title: 'x', price: '1', created, updated: created })
const NEW = '2026-01-02T00:00:00.000Z'
const OLD = '2026-01-01T00:00:00.000Z'

t.test('a confirmation is below the row of its product, or above the one that has its place', async (t) => {
  const items = [product(5, NEW), product(3, NEW), product(4, OLD)]
  const find = (id: number, created: string) => findNoticeRow(items, createNotice('deleted', product(id, created)))
  t.equal(find(3, NEW), 2, 'below its own row')
  t.equal(find(9, NEW), 0, 'newer than all')
  t.equal(find(4, NEW), 1, 'between two of one time')
  t.equal(find(9, OLD), 2, 'between two times')
  t.equal(find(1, OLD), 3, 'older than all')
  t.equal(find(4, 'a time of another program'), 3, 'below its own row, whatever its time')
  t.equal(find(1, 'a time of another program'), 3, 'such times come last')
})
