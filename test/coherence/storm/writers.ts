import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import { allProducts, observe, STOCKED } from './readers.ts'
import { type Life, type Reply, send } from './servers.ts'
import { type Row, toRow, type Write } from './truth.ts'

/** A list shows 100 products; later ones would seem to be missing. */
const MOST_PRODUCTS = 70
const FEWEST_PRODUCTS = 25

export type Writer = (storm: Storm, random: Random) => Promise<void> | void

/** Reads between two writes: often none, for bursts of writes, and sometimes many, so that caches fill. */
const PAUSES = [0, 0, 0, 1, 3, 10, 30, 120]

/** Writes one after the other, with random writers, until the storm ends. */
export async function write (storm: Storm, writers: Writer[], random: Random): Promise<void> {
  while (!storm.progress.over) {
    await storm.progress.after(random.pick(PAUSES))
    await storm.progress.mayWrite
    if (!storm.progress.over) await random.pick(writers)(storm, random)
  }
}

export const product = (id: number) => toRow('products', id)
const parseId = (row: Row) => Number(row.slice(row.indexOf('/') + 1))

/** Draws different ids of products that exist or have existed, often those that are read most. */
export function someIds ({ truth }: Storm, random: Random, most: number): number[] {
  const known = truth.known('products').map(parseId)
  const draw = () => random.chance(0.5) ? random.below(STOCKED) + 1 : random.pick(known)
  return [...new Set(Array.from({ length: random.below(most) + 1 }, draw))]
}

/** Draws ids of later products, to remove them. The first ones are never removed for long. */
const someLate = (storm: Storm, random: Random) => {
  const live = storm.raw.prepare<[number], number>('SELECT id FROM products WHERE id > ?').pluck().all(STOCKED)
  return random.shuffle(live).slice(0, random.below(3) + 1)
}

const count = ({ raw }: Storm) => raw.prepare<[], number>('SELECT count(*) FROM products').pluck().get()!
export const isFull = (storm: Storm) => count(storm) > MOST_PRODUCTS

/**
 * Sends a write to one server, and records its result.
 *
 * @param touched returns the rows that the write certainly changed, if the body of the response shows them
 */
export async function sendWrite (
  storm: Storm, life: Life, write: Write, method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, json: unknown,
  touched: (body: string) => Row[] | undefined
): Promise<Reply | undefined> {
  const { truth, progress } = storm
  const reply = await send(life, method, path, { json })
  if (reply === undefined) {
    await life.process.ended
    settle(storm, write)
    progress.unanswered++
  } else if (reply.status < 300) truth.commit(write, touched(reply.body))
  else if (reply.status === 404 || reply.status === 409) truth.undo(write)
  else throw new Error(`${life.name} responded to ${method} ${path} with ${reply.status}: ${reply.body}`)
  const request = `${life.name}: ${write.n} ${write.description} ${method} ${path} ${JSON.stringify(json) ?? ''}`
  progress.write(write.description, `${request}: ${write.fate}, from ${write.began} to ${write.over}`)
  return reply
}

/** Reads from the database whether a write was committed, if its server was killed before it responded. */
function settle ({ raw, truth }: Storm, write: Write): void {
  if (write.fate === 'undone') return truth.undo(write)
  const found = raw.prepare<[string, string], number>('SELECT id FROM products WHERE price = ? OR title = ?').pluck()
    .all(String(write.n), createdTitle(write)).map(product)
  const there = new Set(raw.prepare<[], number>('SELECT id FROM products').pluck().all().map(product))
  const done = write.removes ? [...write.rows as Set<Row>].filter((row) => !there.has(row)) : found
  if (done.length > 0) truth.commit(write, [...write.sure, ...done])
  else truth.setUnknown(write)
}

/** The title of a created product, which identifies the write; no update changes it. */
const createdTitle = ({ n }: Write) => `created by ${n}`

type WriteRequest = Parameters<typeof sendWrite> extends [Storm, Life, ...infer Rest] ? Rest : never
type Request = (storm: Storm, random: Random) => WriteRequest

/** Creates a writer that sends a request to one of the services. */
const byApi = (request: Request): Writer => async (storm, random) => {
  const life = await random.pick(storm.services).up
  await sendWrite(storm, life, ...request(storm, random))
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
  const json = { title: createdTitle(write), price: String(write.n) }
  return [write, 'POST', api, json, (body) => [product(JSON.parse(body).id)]]
})

const createMany = byApi(({ truth }, random) => {
  const write = truth.begin('POST of many', [])
  const length = random.below(3) + 2
  const some = Array.from({ length }, () => ({ title: createdTitle(write), price: String(write.n) }))
  return [write, 'POST', api, some, (body) => (JSON.parse(body).ids as number[]).map(product)]
})

const deleteOne = byApi((storm, random) => {
  const [id] = someIds(storm, random, 1) as [number]
  const write = storm.truth.begin('DELETE of one', [product(id)], { removes: true })
  return [write, 'DELETE', `${api}/${id}`, undefined, () => [product(id)]]
})

const deleteMany = byApi((storm, random) => {
  const ids = someLate(storm, random)
  const write = storm.truth.begin('DELETE of many', ids.map(product), { removes: true })
  return [write, 'DELETE', `${api}?${ids.map((id) => `id=${id}`).join('&')}`, undefined, () => ids.map(product)]
})

const create: Writer = (storm, random) => {
  const writer = isFull(storm) ? deleteMany : random.chance(0.5) ? createOne : createMany
  return writer(storm, random)
}

const remove: Writer = (storm, random) => {
  const writer = count(storm) < FEWEST_PRODUCTS ? createMany : random.chance(0.5) ? deleteOne : deleteMany
  return writer(storm, random)
}

export const API_WRITERS: Writer[] = [
  updateOne('PATCH'), updateOne('PATCH'), updateOne('PUT'), updateMany, updateAll, create, remove
]

/** Runs a transaction in one of the other processes. Its own reads must see its changes, and other reads must not. */
export async function transact (
  storm: Storm, random: Random, life: Life, fate: 'commits' | 'fails' | 'dies'
): Promise<void> {
  const { truth, progress } = storm
  // A transaction that dies must have changed something before.
  const ids = fate === 'dies' ? someLate(storm, random) : someIds(storm, random, 4)
  const rows = ids.flatMap((id) => [product(id), toRow('stock', id)])
  const write = truth.begin(`transaction that ${fate}`, rows, { doomed: fate === 'fails' })
  const snapshot = truth.snapshot()
  const json = { ids, n: write.n, wait: random.below(4), fail: fate === 'fails', die: fate === 'dies' }
  const touchedBy = (body: string) => JSON.parse(body).touched as number[]
  const touched = (body: string) => [
    ...touchedBy(body).map(product), ...ids.filter((id) => id <= STOCKED).map((id) => toRow('stock', id))
  ]
  const reply = await sendWrite(storm, life, write, 'POST', '/transactions', json, touched)
  if (reply === undefined) {
    // Only its commit can have killed it, so it was committed.
    if (fate === 'dies') truth.commit(write)
    return
  }

  const { seen } = JSON.parse(reply.body) as { seen: Array<[id: number, n: number]> }
  const mine = seen.filter(([id]) => ids.includes(id))
  progress.read('inside a transaction', false)
  const missed = mine.find(([, n]) => n !== write.n)
  const others = seen.filter(([id]) => !ids.includes(id))
  const error = missed !== undefined || mine.length !== touchedBy(reply.body).length
    ? `its own write of ${ids.join()} is not in ${JSON.stringify(mine)}`
    : truth.findError(snapshot, observe('products', others, (row) => allProducts(row) && !ids.includes(parseId(row))))
  if (error !== undefined) progress.violation({ error, kind: 'inside a transaction', server: life.name, ...json })
}

const transaction = (fate: 'commits' | 'fails'): Writer => async (storm, random) => {
  await transact(storm, random, await random.pick(storm.others).up, fate)
}

/** Several changes in one of the other processes, with a read inside. */
export const TRANSACTIONS: Writer[] = [transaction('commits'), transaction('fails')]
