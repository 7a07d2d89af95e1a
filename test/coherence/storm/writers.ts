import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import { allProducts, answerOf, STOCKED } from './readers.ts'
import { ask, type Life, type Reply } from './servers.ts'
import { type Row, rowOf, type Write } from './truth.ts'

/** A list shows 100; those beyond it would seem to be missing. */
const MOST_PRODUCTS = 70
const FEWEST_PRODUCTS = 25

export type Writer = (storm: Storm, random: Random) => Promise<void> | void

/** Reads between two writes: often none, so that writes come in bursts, and now and then many, so that caches fill. */
const PAUSES = [0, 0, 0, 1, 3, 10, 30, 120]

/** Writes in turn, of the kinds that it is given, until all is over. */
export async function write (storm: Storm, writers: Writer[], random: Random): Promise<void> {
  while (!storm.tally.over) {
    await storm.tally.after(random.pick(PAUSES))
    await storm.tally.mayWrite
    if (!storm.tally.over) await random.pick(writers)(storm, random)
  }
}

export const product = (id: number) => rowOf('products', id)
const idOf = (row: Row) => Number(row.slice(row.indexOf('/') + 1))

/** Ids of products that are there or were, without one twice: often of those of which most is read. */
export function someIds ({ truth }: Storm, random: Random, most: number): number[] {
  const known = truth.known('products').map(idOf)
  const draw = () => random.chance(0.5) ? random.below(STOCKED) + 1 : random.pick(known)
  return [...new Set(Array.from({ length: random.below(most) + 1 }, draw))]
}

/** Ids of products that came later, to be removed; the first ones stay, but for short. */
const someLate = (storm: Storm, random: Random) => {
  const live = storm.raw.prepare<[number], number>('SELECT id FROM products WHERE id > ?').pluck().all(STOCKED)
  return random.shuffle(live).slice(0, random.below(3) + 1)
}

const count = ({ raw }: Storm) => raw.prepare<[], number>('SELECT count(*) FROM products').pluck().get()!
export const isFull = (storm: Storm) => count(storm) > MOST_PRODUCTS

/**
 * Sends a write to one server, and notes what became of it.
 *
 * @param touched the rows that an answer proves that it touched, where it says more than that it touched those that were there
 */
export async function send (
  storm: Storm, life: Life, write: Write, method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json: unknown, touched: (body: string) => Row[] | undefined
): Promise<Reply | undefined> {
  const { truth, tally } = storm
  const reply = await ask(life, method, path, { json })
  if (reply === undefined) {
    await life.process.ended
    settle(storm, write)
    tally.unanswered++
  } else if (reply.status < 300) truth.commit(write, touched(reply.body))
  else if (reply.status === 404 || reply.status === 409) truth.undo(write)
  else throw new Error(`${life.name} answered ${method} ${path} with ${reply.status}: ${reply.body}`)
  tally.write(write.what, `${life.name}: ${write.n} ${write.what} ${method} ${path} ${JSON.stringify(json) ?? ''}: ${write.fate}, from ${write.began} to ${write.over}`)
  return reply
}

/** Asks the database whether a write was committed whose server was killed before it said so. */
function settle ({ raw, truth }: Storm, write: Write): void {
  if (write.fate === 'undone') return truth.undo(write)
  const found = raw.prepare<[string, string], number>('SELECT id FROM products WHERE price = ? OR title = ?').pluck()
    .all(String(write.n), titleOf(write)).map(product)
  const there = new Set(raw.prepare<[], number>('SELECT id FROM products').pluck().all().map(product))
  const done = write.removes ? [...write.rows as Set<Row>].filter((row) => !there.has(row)) : found
  if (done.length > 0) truth.commit(write, [...write.sure, ...done])
  else truth.doubt(write)
}

/** A title that tells who created it, which no update changes. */
const titleOf = ({ n }: Write) => `created by ${n}`

type Request = (storm: Storm, random: Random) => [Write, ...Parameters<typeof send> extends [Storm, Life, Write, ...infer Rest] ? Rest : never]

/** A writer that sends one request to one of the services. */
const byApi = (request: Request): Writer => async (storm, random) => {
  const life = await random.pick(storm.services).up
  await send(storm, life, ...request(storm, random))
}

const api = '/api/products'

const updateOne = (method: 'PATCH' | 'PUT') => byApi((storm, random) => {
  const [id] = someIds(storm, random, 1) as [number]
  const write = storm.truth.begin(`${method} of one`, [product(id)])
  const fields = method === 'PUT' ? { title: `put by ${write.n}` } : {}
  return [write, method, `${api}/${id}`, { ...fields, price: String(write.n) }, () => [product(id)]]
})

const updateMany = byApi((storm, random) => {
  const ids = someIds(storm, random, 12)
  const write = storm.truth.begin('PATCH of many', ids.map(product))
  const touched = (body: string) => JSON.parse(body).updated === ids.length ? ids.map(product) : undefined
  return [write, 'PATCH', api, { where: { ids }, set: { price: String(write.n) } }, touched]
})

const updateAll = byApi(({ truth }) => {
  const write = truth.begin('PATCH of all', 'products')
  return [write, 'PATCH', api, { where: {}, set: { price: String(write.n) } }, () => undefined]
})

const createOne = byApi(({ truth }) => {
  const write = truth.begin('POST of one', [])
  return [write, 'POST', api, { title: titleOf(write), price: String(write.n) }, (body) => [product(JSON.parse(body).id)]]
})

const createMany = byApi(({ truth }, random) => {
  const write = truth.begin('POST of many', [])
  const some = Array.from({ length: random.below(3) + 2 }, () => ({ title: titleOf(write), price: String(write.n) }))
  return [write, 'POST', api, some, (body) => (JSON.parse(body).ids as number[]).map(product)]
})

const deleteOne = byApi((storm, random) => {
  const [id] = someIds(storm, random, 1) as [number]
  return [storm.truth.begin('DELETE of one', [product(id)], { removes: true }), 'DELETE', `${api}/${id}`, undefined, () => [product(id)]]
})

const deleteMany = byApi((storm, random) => {
  const ids = someLate(storm, random)
  const write = storm.truth.begin('DELETE of many', ids.map(product), { removes: true })
  return [write, 'DELETE', `${api}?${ids.map((id) => `id=${id}`).join('&')}`, undefined, () => ids.map(product)]
})

const create: Writer = (storm, random) => (isFull(storm) ? deleteMany : random.chance(0.5) ? createOne : createMany)(storm, random)
const remove: Writer = (storm, random) => (count(storm) < FEWEST_PRODUCTS ? createMany : random.chance(0.5) ? deleteOne : deleteMany)(storm, random)

export const API_WRITERS: Writer[] = [updateOne('PATCH'), updateOne('PATCH'), updateOne('PUT'), updateMany, updateAll, create, remove]

/** A transaction in one of the other processes, whose own reads must see its changes while nobody else's do. */
export async function transact (storm: Storm, random: Random, life: Life, fate: 'commits' | 'fails' | 'dies'): Promise<void> {
  const { truth, tally } = storm
  // One that dies must have changed something before.
  const ids = fate === 'dies' ? someLate(storm, random) : someIds(storm, random, 4)
  const write = truth.begin(`transaction that ${fate}`, ids.flatMap((id) => [product(id), rowOf('stock', id)]), { doomed: fate === 'fails' })
  const look = truth.look()
  const json = { ids, n: write.n, wait: random.below(4), fail: fate === 'fails', die: fate === 'dies' }
  const touchedBy = (body: string) => JSON.parse(body).touched as number[]
  const touched = (body: string) => [
    ...touchedBy(body).map(product), ...ids.filter((id) => id <= STOCKED).map((id) => rowOf('stock', id))
  ]
  const reply = await send(storm, life, write, 'POST', '/transactions', json, touched)
  if (reply === undefined) {
    // Nothing but its commit can have killed it, so it needs no other witness.
    if (fate === 'dies') truth.commit(write)
    return
  }

  const { seen } = JSON.parse(reply.body) as { seen: Array<[id: number, n: number]> }
  const mine = seen.filter(([id]) => ids.includes(id))
  tally.read('inside a transaction', false)
  const missed = mine.find(([, n]) => n !== write.n)
  const others = seen.filter(([id]) => !ids.includes(id))
  const wrong = missed !== undefined || mine.length !== touchedBy(reply.body).length
    ? `its own write of ${ids.join()} is not in ${JSON.stringify(mine)}`
    : truth.wrong(look, answerOf('products', others, (row) => allProducts(row) && !ids.includes(idOf(row))))
  if (wrong !== undefined) tally.violation({ wrong, kind: 'inside a transaction', server: life.name, ...json })
}

const transaction = (fate: 'commits' | 'fails'): Writer => async (storm, random) => {
  await transact(storm, random, await random.pick(storm.others).up, fate)
}

/** Several changes in one of the other processes, with a look inside. */
export const TRANSACTIONS: Writer[] = [transaction('commits'), transaction('fails')]
