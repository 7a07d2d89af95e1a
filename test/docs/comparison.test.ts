import { readFileSync } from 'node:fs'
import t from 'tap'
import { documents, ROOT } from './documents.ts'

t.test('docs/comparison.md shows the files that make comparison runs', async (t) => {
  const { text, blocks } = documents.find(({ path }) => path === 'docs/comparison.md')!
  const names = Array.from(text.matchAll(/`(caches\/[\w.-]+)`/g), ([, name]) => name!)
  t.equal(names.length, 5)
  for (const [i, name] of names.entries()) {
    t.equal(blocks[i]!.code, readFileSync(`${ROOT}examples/comparison/${name}`, 'utf8'), name)
  }
})
