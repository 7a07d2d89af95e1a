import t from 'tap'
import { createSignal } from '../../src/db/index.ts'

const unexpected = (error: unknown) => { throw error }

t.test('send calls and awaits all subscribers', async (t) => {
  const signal = createSignal<number>(unexpected)
  const seen: string[] = []
  signal.subscribe('sync', (change) => seen.push(`sync ${change}`))
  signal.subscribe('async', async (change) => {
    await Promise.resolve()
    seen.push(`async ${change}`)
  })
  await signal.send(1)
  await signal.send(2)
  t.same(seen, ['sync 1', 'async 1', 'sync 2', 'async 2'])
})

t.test('send works without subscribers', async (t) => {
  await t.resolves(createSignal(unexpected).send(1))
})

t.test('subscribe ignores an id that is subscribed already', async (t) => {
  const signal = createSignal<number>(unexpected)
  const seen: string[] = []
  signal.subscribe('one', () => seen.push('first'))
  signal.subscribe('one', () => seen.push('second'))
  await signal.send(1)
  t.same(seen, ['first'])
})

t.test('unsubscribe stops calls and frees the id', async (t) => {
  const signal = createSignal<number>(unexpected)
  const seen: string[] = []
  const end = signal.subscribe('one', () => seen.push('first'))
  end()
  await signal.send(1)
  t.same(seen, [])
  signal.subscribe('one', () => seen.push('second'))
  end()
  await signal.send(2)
  t.same(seen, ['second'], 'ending twice ends nobody else')
})

t.test('unsubscribe of an ignored subscriber does nothing', async (t) => {
  const signal = createSignal<number>(unexpected)
  const seen: string[] = []
  signal.subscribe('one', () => seen.push('first'))
  const end = signal.subscribe('one', () => seen.push('second'))
  end()
  await signal.send(1)
  t.same(seen, ['first'])
})

t.test('an error of a subscriber is reported, and others are still called', async (t) => {
  const reported: Array<[string, unknown]> = []
  const signal = createSignal<number>((error, id) => reported.push([id, (error as Error).message]))
  const seen: number[] = []
  signal.subscribe('throws', () => { throw new Error('at once') })
  signal.subscribe('rejects', async () => { throw new Error('later') })
  signal.subscribe('works', (change) => seen.push(change))
  await signal.send(1)
  t.same(seen, [1])
  t.same(reported.sort(), [['rejects', 'later'], ['throws', 'at once']])
})
