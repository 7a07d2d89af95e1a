import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import { ask, type Life, type Reply, type Server } from './servers.ts'
import { type Answer, type Row, rowOf, type Table } from './truth.ts'

/** Products with stock; all of them may be in the view. */
export const STOCKED = 10
/** Ids of pages are drawn up to so many above the highest that is known, since they may be there next. */
const AHEAD = 3
const CHANCE_TO_ASK_AGAIN = 0.3

export interface Kind {
  name: string
  path: (storm: Storm, random: Random) => string
  /** What an answer says; more than one where it was made of several readings. */
  read: (body: string, path: string) => Answer[]
  weight: number
}

type Pairs = ReadonlyArray<readonly [id: number, n: number]>

export const answerOf = (table: Table, pairs: Pairs, covers: Answer['covers']): Answer => ({
  seen: new Map(pairs.map(([id, n]) => [rowOf(table, id), n])),
  covers
})

export const allProducts = (row: Row) => row.startsWith('products/')
const stocked = (row: Row) => allProducts(row) && idIn(row) <= STOCKED
const nothingElse = () => false
const idIn = (path: string) => Number(/\d+$/.exec(path))

const pathToOne = (start: string) => ({ truth }: Storm, random: Random) => {
  const ids = truth.known('products').map(idIn)
  return start + (random.chance(0.2) ? ids.at(-1)! + random.below(AHEAD) + 1 : random.chance(0.3) ? random.pick(ids) : random.below(STOCKED) + 1)
}

/** All products, perhaps a second time, and perhaps the first one once more. */
const readAll = (body: string) => {
  const { products, before, first } = JSON.parse(body) as { products: Pairs, before?: Pairs, first?: Pairs }
  const answers = [answerOf('products', products, allProducts)]
  if (before !== undefined) answers.push(answerOf('products', before, allProducts))
  if (first !== undefined) answers.push(answerOf('products', first, (row) => row === 'products/1'))
  return answers
}

const readOne = (body: string, path: string) => {
  return [answerOf('products', JSON.parse(body).products, (row) => row === rowOf('products', idIn(path)))]
}

const readView = (body: string) => {
  const { products, stock } = JSON.parse(body)
  return [answerOf('products', products, stocked), answerOf('stock', stock, nothingElse)]
}

const readApi = (body: string) => {
  const { items } = JSON.parse(body) as { items: Array<{ id: number, price: string }> }
  return [answerOf('products', items.map(({ id, price }) => [id, Number(price)]), allProducts)]
}

const readHtml = (body: string) => {
  const prices = [...body.matchAll(/data-label="Price">(\d+)</g)]
  const ids = [...body.matchAll(/href="\/products\/(\d+)\/edit"/g)]
  return [answerOf('products', ids.map(([, id], i) => [Number(id), Number(prices[i]?.[1])]), allProducts)]
}

const at = (path: string) => () => path

/** What the service itself answers, and what the other processes do. */
export const KINDS: Record<'services' | 'others', Kind[]> = {
  services: [
    { name: 'GET /api/products', path: at('/api/products'), read: readApi, weight: 2 },
    { name: 'GET /', path: at('/'), read: readHtml, weight: 1 }
  ],
  others: [
    { name: 'page of the list', path: at('/pages/list'), read: readAll, weight: 2 },
    { name: 'page of one', path: pathToOne('/pages/one/'), read: readOne, weight: 6 },
    { name: 'page of a view', path: at('/pages/view'), read: readView, weight: 2 },
    { name: 'slow page', path: at('/pages/slow'), read: readAll, weight: 1 },
    { name: 'page of a value', path: at('/pages/nested'), read: readAll, weight: 1 },
    { name: 'page that soon expires', path: at('/pages/short'), read: readAll, weight: 1 },
    { name: 'value that is renewed', path: at('/values/renewed'), read: readAll, weight: 1 },
    { name: 'value of one', path: pathToOne('/values/one/'), read: readOne, weight: 3 }
  ]
}

/** Reads from one server, one request after the other, until all is over. */
export async function readFrom (storm: Storm, server: Server, kinds: Kind[], random: Random): Promise<void> {
  const drawn = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind))
  const kept = new Map<string, Reply>()
  while (!storm.tally.over) {
    const life = await server.up
    const kind = random.pick(drawn)
    await read(storm, life, kind, kind.path(storm, random), random.chance(CHANCE_TO_ASK_AGAIN), kept)
  }
}

/** @param kept the last answers that had an entity tag, by path */
async function read ({ truth, tally }: Storm, life: Life, kind: Kind, path: string, again: boolean, kept: Map<string, Reply>): Promise<void> {
  const mine = again ? kept.get(path) : undefined
  const look = truth.look()
  const reply = await ask(life, 'GET', path, mine && { headers: { 'if-none-match': mine.headers.etag! } })
  if (reply === undefined) {
    tally.unanswered++
    return
  }
  // "Not modified" says that what the client has is what there is.
  const { body } = reply.status === 304 ? mine! : reply
  if (reply.status !== 304 && reply.status !== 200) throw new Error(`${life.name} answered ${path} with ${reply.status}: ${body}`)
  if (reply.status === 200 && reply.headers.etag !== undefined) kept.set(path, reply)

  const hit = isHit(reply)
  life.reads++
  if (hit) life.hits++
  tally.read(kind.name, hit)
  for (const answer of kind.read(body, path)) {
    const wrong = truth.wrong(look, answer)
    if (wrong !== undefined) tally.violation({ wrong, kind: kind.name, server: life.name, path, status: reply.status, headers: cacheHeaders(reply) })
  }
}

function isHit ({ headers }: Reply): boolean {
  if (headers['cache-status'] !== undefined) return /^larder; hit/.test(headers['cache-status'])
  return /desc="hit"/.test(String(headers['server-timing']))
}

function cacheHeaders ({ headers }: Reply): Record<string, string | undefined> {
  return Object.fromEntries(['cache-status', 'server-timing', 'age', 'etag'].map((name) => [name, headers[name]]))
}
