import type { Storm } from './storm.ts'
import type { Random } from './random.ts'
import { type Life, type Reply, send, type Server } from './servers.ts'
import { type Observation, type Row, toRow, type Table } from './truth.ts'

/** Number of products with stock, which the view shows. */
export const STOCKED = 10
/** Requested ids are at most so far above the highest known one, since the next products will have them. */
const AHEAD = 3
const CHANCE_OF_CONDITION = 0.3

export interface Kind {
  name: string
  path: (storm: Storm, random: Random) => string
  /** Parses a response. It contains several observations if the handler read several times. */
  read: (body: string, path: string) => Observation[]
  weight: number
}

type Pairs = ReadonlyArray<readonly [id: number, n: number]>

export const observe = (table: Table, pairs: Pairs, covers: Observation['covers']): Observation => ({
  seen: new Map(pairs.map(([id, n]) => [toRow(table, id), n])),
  covers
})

export const allProducts = (row: Row) => row.startsWith('products/')
const stocked = (row: Row) => allProducts(row) && idIn(row) <= STOCKED
const nothingElse = () => false
const idIn = (path: string) => Number(/\d+$/.exec(path))

const pathToOne = (start: string) => ({ truth }: Storm, random: Random) => {
  const ids = truth.known('products').map(idIn)
  const next = () => ids.at(-1)! + random.below(AHEAD) + 1
  const known = () => random.chance(0.3) ? random.pick(ids) : random.below(STOCKED) + 1
  return start + (random.chance(0.2) ? next() : known())
}

/** All products, perhaps read twice, and perhaps the first one alone. */
const readAll = (body: string) => {
  const { products, before, first } = JSON.parse(body) as { products: Pairs, before?: Pairs, first?: Pairs }
  const observations = [observe('products', products, allProducts)]
  if (before !== undefined) observations.push(observe('products', before, allProducts))
  if (first !== undefined) observations.push(observe('products', first, (row) => row === 'products/1'))
  return observations
}

const readOne = (body: string, path: string) => {
  return [observe('products', JSON.parse(body).products, (row) => row === toRow('products', idIn(path)))]
}

const readView = (body: string) => {
  const { products, stock } = JSON.parse(body)
  return [observe('products', products, stocked), observe('stock', stock, nothingElse)]
}

const readApi = (body: string) => {
  const { items } = JSON.parse(body) as { items: Array<{ id: number, price: string }> }
  return [observe('products', items.map(({ id, price }) => [id, Number(price)]), allProducts)]
}

const readHtml = (body: string) => {
  const prices = [...body.matchAll(/data-label="Price">(\d+)</g)]
  const ids = [...body.matchAll(/href="\/products\/(\d+)\/edit"/g)]
  return [observe('products', ids.map(([, id], i) => [Number(id), Number(prices[i]?.[1])]), allProducts)]
}

const at = (path: string) => () => path

/** The pages and values of the service and of the other processes. */
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
    { name: 'value that is refreshed', path: at('/values/refreshed'), read: readAll, weight: 1 },
    { name: 'value of one', path: pathToOne('/values/one/'), read: readOne, weight: 3 }
  ]
}

/** Reads from one server, one request after the other, until the storm ends. */
export async function readFrom (storm: Storm, server: Server, kinds: Kind[], random: Random): Promise<void> {
  const drawn = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind))
  const validators = new Map<string, Reply>()
  while (!storm.progress.over) {
    const life = await server.up
    const kind = random.pick(drawn)
    await read(storm, life, kind, kind.path(storm, random), random.chance(CHANCE_OF_CONDITION), validators)
  }
}

/** Reads once, and checks the response. @param validators the last responses with an entity tag, by path */
async function read (
  { truth, progress }: Storm, life: Life, kind: Kind, path: string, conditional: boolean, validators: Map<string, Reply>
): Promise<void> {
  const mine = conditional ? validators.get(path) : undefined
  const snapshot = truth.snapshot()
  const reply = await send(life, 'GET', path, mine && { headers: { 'if-none-match': mine.headers.etag! } })
  if (reply === undefined) {
    progress.unanswered++
    return
  }
  // 304 confirms the body that the client has.
  const { body } = reply.status === 304 ? mine! : reply
  if (reply.status !== 304 && reply.status !== 200) {
    throw new Error(`${life.name} responded to ${path} with ${reply.status}: ${body}`)
  }
  if (reply.status === 200 && reply.headers.etag !== undefined) validators.set(path, reply)

  const hit = isHit(reply)
  life.reads++
  if (hit) life.hits++
  progress.read(kind.name, hit)
  for (const observation of kind.read(body, path)) {
    const error = truth.findError(snapshot, observation)
    if (error === undefined) continue
    const headers = cacheHeaders(reply)
    progress.violation({ error, kind: kind.name, server: life.name, path, status: reply.status, headers })
  }
}

function isHit ({ headers }: Reply): boolean {
  if (headers['cache-status'] !== undefined) return /^larder; hit/.test(headers['cache-status'])
  return /desc="hit"/.test(String(headers['server-timing']))
}

function cacheHeaders ({ headers }: Reply): Record<string, string | undefined> {
  return Object.fromEntries(['cache-status', 'server-timing', 'age', 'etag'].map((name) => [name, headers[name]]))
}
