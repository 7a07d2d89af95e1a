import type { IncomingHttpHeaders } from 'node:http'
import t from 'tap'
import {
  addVaryList, allVariantKeys, CUSTOM_KEY, isSameVaryList, isVariants, matchesVary, matchVary, variantKeys
} from '../../../src/page-cache/key/variants.ts'

t.test('addVaryList puts the most recent list first, and remembers four', async (t) => {
  const generation = 'g'
  for (const [before, varyNames, after] of [
    [[['a']], ['a'], [['a']]],
    [[['a']], ['b'], [['b'], ['a']]],
    [[['a']], [], [[], ['a']]],
    [[['a'], ['b']], ['b'], [['b'], ['a']]],
    [[['a'], ['a', 'b']], ['a', 'b'], [['a', 'b'], ['a']]],
    [[['a'], ['b'], ['c'], ['d']], ['e'], [['e'], ['a'], ['b'], ['c']]],
    [[['a'], ['b'], ['c'], ['d']], ['d'], [['d'], ['a'], ['b'], ['c']]]
  ]) {
    const varyLists = before as string[][]
    t.same(addVaryList({ generation, varyLists }, varyNames as string[]), { generation, varyLists: after })
  }
})

t.test('addVaryList returns the same index if its most recent list is the same', async (t) => {
  const variants = { generation: 'g', varyLists: [['a', 'b'], ['c']] }
  t.equal(addVaryList(variants, ['a', 'b']), variants)
  t.not(addVaryList(variants, ['c']), variants)
})

t.test('addVaryList creates an index with a generation that no other index has', async (t) => {
  const variants = addVaryList(undefined, ['a'])
  t.same(variants.varyLists, [['a']])
  t.match(variants.generation, /^[\w-]{12}$/)
  t.not(addVaryList(undefined, ['a']).generation, variants.generation)
  t.ok(isVariants(variants))
  t.notOk(isVariants({ status: 200, body: '' }))
})

t.test('variantKeys returns two different keys that depend on URL, generation, names and values', async (t) => {
  const match = (varyNames: string[], varyValues: Array<string | null>) => ({ varyNames, varyValues })
  const all = [
    variantKeys('url', 'g', match(['a'], ['1'])),
    variantKeys('other', 'g', match(['a'], ['1'])),
    variantKeys('url', 'h', match(['a'], ['1'])),
    variantKeys('url', 'g', match(['b'], ['1'])),
    variantKeys('url', 'g', match(['a'], ['2'])),
    variantKeys('url', 'g', match(['a'], [null])),
    variantKeys('url', 'g', match(['a', 'b'], ['1', null]))
  ]
  t.equal(new Set(all.map(String)).size, all.length)
  for (const [first, second] of all) t.not(first, second)
  t.same(variantKeys('url', 'g', match(['a'], ['1'])), all[0], 'the same each time')
  t.match(all[0]![0], /^url:[\w-]{16}\.\d{1,3}$/)
})

t.test('allVariantKeys returns every key that variantKeys can return, 128 for each list', async (t) => {
  const variants = { generation: 'g', varyLists: [['a'], ['a', 'b']] }
  const keys = new Set(allVariantKeys('url', variants))
  t.equal(keys.size, 256)
  for (let i = 0; i < 1_000; i++) {
    for (const varyNames of variants.varyLists) {
      const varyValues = varyNames.map((name) => `${name}${i}`)
      for (const key of variantKeys('url', 'g', { varyNames, varyValues })) if (!keys.has(key)) t.fail(key)
    }
  }
})

t.test('matchesVary compares all values, and null only with null', async (t) => {
  for (const [stored, requested, expected] of [
    [[], [], true],
    [['1'], ['1'], true],
    [['1'], ['2'], false],
    [[null], [null], true],
    [[null], [''], false],
    [['null'], [null], false],
    [['1', '2'], ['1', '2'], true],
    [['1', '2'], ['2', '1'], false],
    [['1'], ['1', '2'], false],
    [['1', '2'], ['1'], false]
  ] as Array<[Array<string | null>, Array<string | null>, boolean]>) {
    const actual = matchesVary({ varyValues: stored }, { varyNames: [], varyValues: requested })
    t.equal(actual, expected, JSON.stringify([stored, requested]))
  }
})

t.test('isSameVaryList compares the names in their order', async (t) => {
  t.ok(isSameVaryList([], []))
  t.ok(isSameVaryList(['a', 'b'], ['a', 'b']))
  for (const other of [[], ['a'], ['b', 'a'], ['a', 'b', 'c']]) t.notOk(isSameVaryList(['a', 'b'], other))
})

t.test('matchVary returns normalized values, null for absent headers, and the custom key', async (t) => {
  const headers = { 'x-a': ' 1 ', 'accept-encoding': 'GZIP, br' }
  const fields = { sent: headers, headers }
  const varyNames = [CUSTOM_KEY, 'accept-encoding', 'toString', 'x-a', 'x-b']
  t.same(matchVary(varyNames, fields, 'tenant'), { varyNames, varyValues: ['tenant', 'br,gzip', null, '1', null] })
  t.same(matchVary([CUSTOM_KEY], fields, null).varyValues, [null])
})

t.test('matchVary distinguishes a header that a hook has changed by both of its values', async (t) => {
  const select = (
    sent: IncomingHttpHeaders, headers: IncomingHttpHeaders
  ) => matchVary(['x-a'], { sent, headers }, null)
  const same = select({ 'x-a': '1' }, { 'x-a': '1' })
  t.same(same.varyValues, ['1'], 'unchanged')
  const values = [
    same,
    select({ 'x-a': '1' }, { 'x-a': '2' }),
    select({ 'x-a': '2' }, { 'x-a': '1' }),
    select({ 'x-a': '1' }, {}),
    select({}, { 'x-a': '1' }),
    select({}, {})
  ].map(({ varyValues }) => JSON.stringify(varyValues))
  t.equal(new Set(values).size, values.length)
})
