import t from 'tap'
import { oncePerTurn } from '../../src/products/once-per-turn.ts'

t.test('who asks in one turn of the event loop gets what is read once, after all of them', async (t) => {
  let value = 1
  let reads = 0
  const read = oncePerTurn(async () => {
    reads++
    return value
  })
  const first = read()
  value = 2
  t.strictSame(await Promise.all([first, read()]), [2, 2])
  t.equal(reads, 1)
  value = 3
  t.equal(await read(), 3)
  t.equal(reads, 2)
})

t.test('who asks while it is read gets what is read later', async (t) => {
  const { promise: reading, resolve: begun } = Promise.withResolvers<void>()
  const { promise: first, resolve: end } = Promise.withResolvers<string>()
  const answers = [first, Promise.resolve('second')]
  const read = oncePerTurn(() => {
    begun()
    return answers.shift()!
  })
  const asked = read()
  await reading
  t.equal(await read(), 'second')
  end('first')
  t.equal(await asked, 'first')
})

t.test('a read that fails, fails all who asked for it, and nobody else', async (t) => {
  let fails = true
  const read = oncePerTurn(async () => {
    if (fails) throw new Error('oops')
    return 'well'
  })
  const asked = [read(), read()]
  for (const answer of asked) await t.rejects(answer, { message: 'oops' })
  fails = false
  t.equal(await read(), 'well')
})
