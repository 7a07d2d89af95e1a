import t from 'tap'
import { matchPrefixes } from '../../../src/cache/util/prefixes.ts'

t.test('matchPrefixes finds the texts that begin with one of the prefixes', async (t) => {
  const texts = ['', 'a', 'ab', 'aba', 'abb', 'b', 'ba', 'é', 'éa', '日', 'A']
  for (const prefixes of [
    [], [''], ['a'], ['ab', 'b'], ['b', 'ab', 'aba', 'ab'], ['abb', 'é'], ['', 'b'], ['日', 'A', 'aa'], ['abbb', 'c']
  ]) {
    const expected = texts.filter((text) => prefixes.some((prefix) => text.startsWith(prefix)))
    t.same(texts.filter(matchPrefixes(prefixes)), expected, prefixes.join())
  }
})
