import t from 'tap'
import { memoryStore } from '../../../src/cache/index.ts'
import { findColliding, readIndex } from '../key/variant-collisions.ts'
import { createTestApp } from '../../support/create-test-app.ts'

t.test('a response with another Vary than looked up replaces a variant if both its keys are taken', async (t) => {
  const { get, cache, storedKeys } = await createTestApp(t, 300, (request, reply) => {
    const byValue = request.headers['x-kind'] === 'by-value'
    return reply.header('vary', byValue ? 'x-kind, x-value' : 'x-kind').send(`for ${request.headers['x-value']}`)
  }, { store: (_t, now) => memoryStore({ now }) })
  const getValue = async (value: string) => await get({ 'x-kind': 'by-value', 'x-value': value })
  let others = 0
  /** Has the next lookup expect a response that varies by `x-kind` alone. */
  const expectOtherVary = async () => await get({ 'x-kind': `other-${others++}` })

  await expectOtherVary()
  await getValue('any')
  const { primaryKey, index } = await readIndex(cache, storedKeys())
  const varyNames = index.varyLists.find((list) => list.includes('x-value'))!
  const colliding = findColliding(primaryKey, index, 3, { varyNames, before: ['by-value'], sameSecond: true })
  const [first, second, third] = colliding as [string, string, string]

  for (const value of [first, second, third]) {
    await expectOtherVary()
    t.match(await getValue(value), { body: `for ${value}`, status: /^fwd=vary-miss; stored/ }, value)
  }
  t.match(await getValue(first), { status: /^hit/ })
  t.match(await getValue(third), { status: /^hit/ })
  t.match(await getValue(second), { status: /^fwd=vary-miss/ }, 'the third has replaced the second')
})
