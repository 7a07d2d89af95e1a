import t from 'tap'
import type { OnAnswer } from '../../../src/clock/postgres/answers.ts'
import type { Connection } from '../../../src/clock/postgres/connection.ts'
import { createLookStatement, Looks } from '../../../src/clock/postgres/looks.ts'
import { RecentChanges } from '../../../src/clock/postgres/recent-changes.ts'
import { Snapshot } from '../../../src/clock/postgres/snapshot.ts'
import { createStaleStatement, StaleEntries } from '../../../src/clock/postgres/stale-entries.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A connection whose queries the test answers. */
function createLooks () {
  const sent: Array<{ query: string, answer: OnAnswer }> = []
  let reconnects = 0
  const connection = {
    isReady: true,
    query: (query: Buffer, answer: OnAnswer) => { sent.push({ query: query.toString('latin1'), answer }) },
    reconnect () { reconnects++ }
  }
  const changes = new RecentChanges()
  const readings: Array<PromiseWithResolvers<void>> = []
  const readSchema = () => {
    readings.push(Promise.withResolvers())
    return readings.at(-1)!.promise
  }
  const looks = new Looks({
    connection: connection as unknown as Connection, changes, readSchema, statement: createLookStatement(true)
  })
  looks.beginHistory('a', '10:10:')
  const answer = (now: string, moved: string | null = null, nonce = 'a', floor = '1') =>
    sent.shift()!.answer(undefined, [[nonce, now, floor, moved]])
  return { looks, changes, sent, connection, readings, answer, reconnects: () => reconnects }
}

t.test('all callers of a turn share a look, and one that comes after it was sent does not', async (t) => {
  const { looks, sent, answer } = createLooks()
  const first = looks.look()
  await Promise.resolve()
  t.equal(looks.look(), first)
  await turn()
  t.equal(sent.length, 1)
  const second = looks.look()
  t.not(second, first)
  answer('11:11:')
  await turn()
  t.equal(sent.length, 1, 'the second is sent although the first has not been awaited')
  answer('12:12:')
  t.same([(await first).stamp, (await second).stamp], ['a/11:11:', 'a/12:12:'])
})

t.test('callers that were collected in a batch do not wait for the end of the turn', async (t) => {
  const { looks, sent, answer } = createLooks()
  t.equal(looks.batch(() => 1), 1)
  const [first, second] = looks.batch(() => [looks.look(), looks.look()])
  t.equal(first, second)
  t.equal(sent.length, 1)
  t.not(looks.look(), first)
  await turn()
  t.equal(sent.length, 2)
  answer('11:11:')
  t.equal((await first!).stamp, 'a/11:11:')
})

t.test('a look that was sent before the last one returned lists its changes again, which count once', async (t) => {
  const { looks, changes, sent, answer } = createLooks()
  const first = looks.look()
  await turn()
  const second = looks.look()
  await turn()
  for (const { query } of sent) t.match(query, '10:10:')
  answer('12:12:', '11:5:7')
  answer('13:13:', '11:5:7 12:5:8 :6:-1')
  const { number } = await first
  await second
  t.equal(changes.findChanged([{ rel: '5', slot: 7 }], number), -1)
  t.equal(changes.findChanged([{ rel: '5', slot: 8 }], number), 0)
  t.equal(changes.findChanged([{ rel: '6', slot: 1 }], number), 0, 'many at once')
})

t.test('looks that see the same state have the same number', async (t) => {
  const { looks, answer } = createLooks()
  const look = async (now: string) => {
    const look = looks.look()
    await turn()
    answer(now)
    return await look
  }
  t.same(await look('11:11:'), await look('11:11:'))
  t.equal((await look('12:12:')).number, looks.number)
  t.equal(looks.findNumber('a/11:11:'), looks.number - 1)
  for (let i = 0; i < 1_001; i++) await look(`${100 + i}:${100 + i}:`)
  t.equal(looks.findNumber('a/11:11:'), undefined, 'old stamps are forgotten')
})

t.test('looks that see a change of the schema wait until it was read', async (t) => {
  const { looks, changes, readings, answer } = createLooks()
  const before = looks.number
  const waiting = [looks.look()]
  await turn()
  answer('12:12:', '11:0:-1')
  waiting.push(looks.look())
  await turn()
  answer('12:12:')
  let ended = 0
  for (const look of waiting) look.then(() => { ended++ })
  await turn()
  t.equal(ended, 0)
  t.equal(looks.last, undefined)
  readings[0]!.resolve()
  await Promise.all(waiting)
  t.equal(readings.length, 1)
  t.ok(changes.knowsSince(before))
  t.equal(changes.findChanged([{ rel: '5', slot: 7 }], before), 0)
})

t.test('if the schema changes again while it is read, looks wait for the second reading', async (t) => {
  const { looks, readings, answer } = createLooks()
  const first = looks.look()
  await turn()
  answer('12:12:', '11:0:-1')
  const second = looks.look()
  await turn()
  answer('13:13:', '12:0:-1')
  readings[0]!.resolve()
  await first
  let isEnded = false
  second.then(() => { isEnded = true })
  await turn()
  t.notOk(isEnded)
  readings[1]!.resolve()
  await second
})

t.test('if the schema cannot be read, looks fail, and the connection begins anew', async (t) => {
  const { looks, readings, answer, reconnects } = createLooks()
  const look = looks.look()
  await turn()
  answer('12:12:', '11:0:-1')
  readings[0]!.reject(new Error('no'))
  await t.rejects(look, { message: 'no' })
  t.equal(reconnects(), 1)
  const later = looks.look()
  await turn()
  answer('13:13:', '12:0:-1')
  const latest = looks.look()
  await turn()
  answer('14:14:', '13:0:-1')
  readings[1]!.reject(new Error('no'))
  readings[2]!.resolve()
  await t.rejects(later)
  await latest
})

t.test('a database without a clock fails the look, and the connection begins anew', async (t) => {
  const { looks, sent, reconnects } = createLooks()
  const look = looks.look()
  await turn()
  sent[0]!.answer(undefined, [])
  await t.rejects(look, { message: 'The database has lost its clock.' })
  t.equal(reconnects(), 1)
})

t.test('another history, which a pooler may lead to, is begun with its schema', async (t) => {
  const { looks, changes, readings, answer } = createLooks()
  const before = looks.number
  const look = looks.look()
  await turn()
  answer('5:5:', null, 'b')
  readings[0]!.resolve()
  t.equal((await look).stamp, 'b/5:5:')
  t.equal(looks.nonce, 'b')
  t.notOk(changes.knowsSince(before))
})

t.test('changes that were folded unseen make earlier looks incomparable', async (t) => {
  const { looks, changes, answer } = createLooks()
  const before = looks.number
  const look = looks.look()
  await turn()
  answer('90:90:', null, 'a', '50')
  await look
  t.notOk(changes.knowsSince(before))
  t.ok(changes.knowsSince(looks.number))
})

t.test('there is no last look while the connection is down', async (t) => {
  const { looks, answer, connection } = createLooks()
  t.equal(looks.last, undefined)
  const look = looks.look()
  await turn()
  answer('11:11:')
  t.equal(await look, looks.last)
  connection.isReady = false
  t.equal(looks.last, undefined)
})

t.test('entries of other processes are checked together, up to 256 in a query', async (t) => {
  const { looks, sent, connection } = createLooks()
  const entries = new StaleEntries(connection as unknown as Connection, looks, createStaleStatement(false))
  const tags = [{ rel: '5', slot: 7 }, { rel: '6', slot: undefined }]
  const found = Array.from({ length: 257 }, (_, i) => entries.findLook(`a/${i + 1}:${i + 1}:`, tags))
  await turn()
  t.same(sent.map(({ query }) => query.match(/\d+:\d+:/g)!.length), [256, 1])
  for (const array of ['{"257:257:"}', '{1,1}', '{5,6}', '{7,NULL}']) t.match(sent[1]!.query, array)
  sent[0]!.answer(undefined, [['a', '{2,12}']])
  sent[1]!.answer(new Error('no'), [])
  t.same(await Promise.all(found.slice(0, 3)), [looks.number, undefined, looks.number])
  await t.rejects(found[256]!, { message: 'no' })
})

t.test('entries of another history, and stamps of no clock, are stale', async (t) => {
  const { looks, sent, connection } = createLooks()
  const entries = new StaleEntries(connection as unknown as Connection, looks, createStaleStatement(false))
  for (const stamp of ['b/1:1:', 'unavailable-a', '', 'a/1', "a/1:1:'", 'a/x:1:']) {
    t.equal(await entries.findLook(stamp, []), undefined, stamp)
  }
  t.equal(sent.length, 0)
  const found = entries.findLook('a/1:1:', [])
  await turn()
  sent[0]!.answer(undefined, [['b', null]])
  t.equal(await found, undefined, 'the history has changed meanwhile')
})

t.test('a snapshot includes what ended before it', async (t) => {
  const snapshot = new Snapshot('10:20:12,15')
  t.same([9n, 10n, 12n, 15n, 19n, 20n].map((xid) => snapshot.includes(xid)), [true, true, false, false, true, false])
  t.equal(snapshot.xmin, 10n)
})

t.test('a process that has seen changes of many tags forgets the oldest', async (t) => {
  const changes = new RecentChanges(4)
  changes.forget(1)
  changes.add('5', 1, 2)
  changes.add('5', 2, 3)
  changes.add('5', 3, 4)
  changes.add('6', 1, 5)
  t.notOk(changes.knowsSince(2), 'the first may have changed again')
  t.ok(changes.knowsSince(3))
  t.equal(changes.findChanged([{ rel: '5', slot: 2 }, { rel: '6', slot: undefined }], 4), 1)
  t.equal(changes.findChanged([{ rel: '5', slot: 2 }, { rel: '5', slot: 3 }], 4), -1)
  t.equal(changes.findChanged([{ rel: '6', slot: 1 }], 5), -1)
})
