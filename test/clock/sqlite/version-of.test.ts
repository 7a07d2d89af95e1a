import t from 'tap'
import { addProduct, clockwork } from './clock-support.ts'

t.test('versionOf differs after each change of the tag, by any program', async (t) => {
  const { database, other } = clockwork(t)
  const versions = database.versions
  const id = 7
  addProduct(other, id)
  const tags = ['products', `products:${id}`, 'a name']
  const all = async () => await Promise.all(tags.map((tag) => versions.versionOf!(tag)))
  const first = await all()
  other.exec(`UPDATE products SET price = '1' WHERE id = ${id}`)
  const second = await all()
  t.not(second[0], first[0])
  t.not(second[1], first[1])
  t.equal(second[2], first[2])
  await versions.invalidate(['a name'])
  t.not((await all())[2], second[2])
})

t.test('versionOf is unknown if the counters are missing', async (t) => {
  const { database, other } = clockwork(t)
  other.exec("DELETE FROM larder_clock WHERE name = ':tags'")
  t.equal(await database.versions.versionOf!('a name'), 'unknown')
})
