import t, { type Test } from 'tap'
import type { ToWorker } from '../../src/workers/messages.ts'
import { ANSWER_MS, HUNG_MS, type Member, Relay } from '../../src/workers/relay.ts'

interface Recorded extends Member {
  readonly received: ToWorker[]
  hung: number
}

function setUp (t: Test, count: number): { relay: Relay, members: Recorded[], advance: (ms: number) => void } {
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const relay = new Relay()
  const members = Array.from({ length: count }, (_, i) => {
    const member: Recorded = {
      id: i + 1,
      received: [],
      hung: 0,
      send: (message) => { member.received.push(message) },
      onHung: () => { member.hung++ }
    }
    relay.join(member)
    return member
  })
  return { relay, members, advance: (ms) => t.clock.advance(ms) }
}

const request = (id: number, topic = 'x', argument: unknown = id) => ({ type: 'request', id, topic, argument }) as const
const answer = (id: number, result: unknown) => ({ type: 'answer', id, result }) as const

t.test('a request goes to all other workers, and is answered when they all have answered', async (t) => {
  const { relay, members: [a, b, c] } = setUp(t, 3)
  relay.request(a!, request(7))
  t.same(a!.received, [])
  for (const other of [b, c]) t.same(other!.received, [{ type: 'ask', id: 0, topic: 'x', argument: 7 }])
  relay.answer(b!, answer(0, 'b'))
  t.same(a!.received, [])
  relay.answer(c!, answer(0, 'c'))
  t.same(a!.received, [{ type: 'answers', id: 7, answers: { results: ['b', 'c'], missing: 0 } }])
  relay.answer(c!, answer(0, 'again'))
  t.equal(a!.received.length, 1)
})

t.test('a request of the only worker is answered at once', async (t) => {
  const { relay, members: [a] } = setUp(t, 1)
  relay.request(a!, request(1))
  t.same(a!.received, [{ type: 'answers', id: 1, answers: { results: [], missing: 0 } }])
})

t.test('a worker that ends, or whose handler fails, holds no request up', async (t) => {
  const { relay, members: [a, b, c] } = setUp(t, 3)
  relay.request(a!, request(1))
  relay.answer(c!, { type: 'answer', id: 0, failed: true })
  relay.leave(b!)
  t.same(a!.received, [{ type: 'answers', id: 1, answers: { results: [], missing: 1 } }])
})

t.test('a hung worker delays one request until the deadline, and no further one', async (t) => {
  const { relay, members: [a, b, c], advance } = setUp(t, 3)
  const hung = b!
  relay.request(a!, request(1))
  relay.request(a!, request(2))
  for (const id of [0, 1]) relay.answer(c!, answer(id, 'c'))
  advance(ANSWER_MS - 1)
  t.same(a!.received, [])
  advance(1)
  const answers = (id: number, missing: number, ...results: string[]) =>
    ({ type: 'answers', id, answers: { results, missing } })
  t.same(a!.received, [answers(1, 1, 'c'), answers(2, 1, 'c')])
  relay.request(a!, request(3))
  t.same(hung.received.at(-1), { type: 'ask', id: 2, topic: 'x', argument: 3 }, 'it gets the request nevertheless')
  relay.answer(c!, answer(2, 'c'))
  t.same(a!.received.at(-1), answers(3, 1, 'c'))

  relay.answer(hung, answer(0, 'late'))
  relay.request(a!, request(4))
  relay.answer(c!, answer(3, 'c'))
  t.equal(a!.received.length, 3, 'it is waited for again')
  relay.answer(hung, answer(3, 'b'))
  t.same(a!.received.at(-1), answers(4, 0, 'c', 'b'))
  advance(HUNG_MS)
  t.equal(hung.hung, 0)
})

t.test('a worker that answers nothing for half a minute counts as hung', async (t) => {
  const { relay, members: [a, b, c], advance } = setUp(t, 3)
  relay.request(a!, request(1))
  relay.answer(c!, answer(0, 'c'))
  advance(ANSWER_MS)
  advance(HUNG_MS - ANSWER_MS - 1)
  t.equal(b!.hung, 0)
  advance(1)
  t.same([a!.hung, b!.hung, c!.hung], [0, 1, 0])
  relay.leave(b!)
  relay.request(a!, request(2))
  relay.answer(c!, answer(1, 'c'))
  t.match(a!.received.at(-1), { answers: { results: ['c'], missing: 0 } })
})

t.test('metrics include those of ended workers, and the last ones of a hung worker', async (t) => {
  const { relay, members: [a, b, c], advance } = setUp(t, 3)
  const count = (value: number) => [{ name: 'n', type: 'counter', help: '', values: [{ value, labels: {} }] }]
  relay.request(a!, request(1, 'metrics', count(1)))
  t.match(b!.received, [{ type: 'ask', argument: null }], 'the metrics of one are not sent to the others')
  relay.answer(b!, answer(0, count(20)))
  relay.answer(c!, answer(0, count(300)))
  const values = () => {
    const last = a!.received.at(-1) as Extract<ToWorker, { type: 'answers' }>
    return (last.answers.results as Array<ReturnType<typeof count>>).flat().map(({ values }) => values[0]!.value)
  }
  t.same(values(), [1, 20, 300])
  relay.leave(c!)
  relay.request(c!, request(9, 'metrics', count(301)))
  relay.answer(a!, answer(1, count(2)))
  relay.answer(b!, answer(1, count(20)))
  relay.request(a!, request(2, 'metrics', count(2)))
  advance(ANSWER_MS)
  t.same(values(), [2, 20, 300], 'b has not answered, and c has ended')
})
