import t from 'tap'
import { Catalog, writeRowTag } from '../../../src/clock/postgres/catalog.ts'
import { limitAnswer } from '../../../src/clock/postgres/limit-answer.ts'
import { computeNameSlot, computeSlot, describeValue } from '../../../src/clock/postgres/slots.ts'

const column = (kind: 'int' | 'uuid' | 'text', isKey = false) => ({ number: 3, name: 'a=b', kind, isKey })
const UUID = '00000000-0000-0000-0000-00000000ABCD'

t.test('a value is described only if it is certain what the database reads it as', async (t) => {
  const cases: Array<['int' | 'uuid' | 'text', unknown, string | undefined]> = [
    ['int', 7, '7'], ['int', -7n, '-7'], ['int', '7', '7'], ['int', '-0', '0'], ['int', '1e1', undefined],
    ['int', 2 ** 53, undefined], ['int', '12345678901234567890', undefined], ['int', true, undefined],
    ['int', null, 'null'], ['int', undefined, undefined], ['uuid', UUID, UUID.toLowerCase()],
    ['uuid', `{${UUID}}`, undefined], ['uuid', 7, undefined], ['text', 'one', '#30354'], ['text', '', '#58288'],
    ['text', 7, undefined], ['text', 'a\0', undefined], ['text', '\ud800', undefined], ['text', 'é', '#19097']
  ]
  for (const [kind, value, described] of cases) t.equal(describeValue(kind, value), described, `${kind} ${described!}`)
})

t.test('the slot of a description is within the range of its column', async (t) => {
  t.equal(computeSlot(column('int', true), '65537'), 1)
  t.equal(computeSlot(column('int'), '65537'), 3 * 65_536 + 1)
  t.equal(computeSlot(column('int'), '-1'), 3 * 65_536 + 65_535)
  t.equal(computeSlot(column('int'), 'null'), 3 * 65_536)
  t.equal(computeSlot(column('int', true), 'null'), undefined)
  t.equal(computeSlot(column('int'), 'a'), undefined)
  t.equal(computeSlot(column('uuid'), UUID), 3 * 65_536 + 0xabcd)
  t.equal(computeSlot(column('uuid'), '7'), undefined)
  t.equal(computeSlot(column('text'), '#7'), 3 * 65_536 + 7)
  t.equal(computeSlot(column('text'), 'a'), undefined)
})

t.test('a tag is a table, the rows with a value, or a name', async (t) => {
  const catalog = new Catalog(JSON.stringify([
    [5, 'public', 'posts', true, [5], [[1, 'id', 'int', true], [2, 'a=b', 'text', false]]],
    [6, 'shop', 'p.o:s"ts', true, [6], [[1, 'id', 'int', true]]]
  ]), '{"functions":[],"operators":[],"casts":false}')
  const name = (tag: string) => ({ rel: '0', slot: computeNameSlot(tag) })
  t.same(catalog.resolve('posts'), { rel: '5', slot: undefined })
  t.same(catalog.resolve('posts:7'), { rel: '5', slot: 7 })
  t.same(catalog.resolve('posts:"a=b"=#9'), { rel: '5', slot: 2 * 65_536 + 9 })
  t.same(catalog.resolve('shop."p.o:s""ts":7'), { rel: '6', slot: 7 })
  const names = ['news', 'posts:x', 'posts:"a=b"=x', 'other:7', ':', '']
  for (const tag of names) t.same(catalog.resolve(tag), name(tag), tag)
  t.same(['posts', 'posts:7', 'posts:x', 'news:7', 'shop."p.o:s""ts":7'].map((tag) => catalog.findTableOf(tag)),
    [undefined, 'posts', undefined, undefined, 'shop."p.o:s""ts"'])
  const [, odd] = catalog.findRelation('public', 'posts')!.columns
  t.equal(writeRowTag('posts', odd!, 'one'), 'posts:"a=b"=#30354')
  t.equal(writeRowTag('posts', odd!, 7), undefined)
})

t.test('what takes too long is not waited for', async (t) => {
  t.equal(await limitAnswer(Promise.resolve(1), 1_000), 1)
  await t.rejects(limitAnswer(new Promise(() => {}), 1), { message: 'The database did not answer within 1 ms.' })
})
