import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type Sqlite from 'better-sqlite3'

/** The state of Redis, as the service knows it, when a request was sent. */
export type Phase = 'healthy' | 'undetected' | 'unavailable' | 'recovered'

interface Timing { kind: string, phase: Phase, ms: number }

interface Row { id: number, title: string, price: string }

/** Requests of a burst. */
const BURST = 8

/** The last price. It only grows, so that two generators on the same products never write the same price. */
let lastPrice = 0

const listItem = ({ id, title, price }: Row) => `${id} ${title} ${price}`
const tableRow = ({ title, price }: Pick<Row, 'title' | 'price'>) => `${title} ${price}`

/** Sends requests to a service, compares each response with the database, and records how long it took. */
export class TrafficGenerator {
  readonly #app: FastifyInstance
  readonly #database: Sqlite.Database
  readonly #timings: Timing[] = []
  phase: Phase = 'healthy'
  /** Descriptions of wrong responses. */
  readonly errors: string[] = []

  constructor ({ app, truth }: { app: FastifyInstance, truth: Sqlite.Database }) {
    this.#app = app
    this.#database = truth
  }

  /** Reads all three pages, one after the other. Nothing may be written meanwhile. */
  async readAll (): Promise<void> {
    await this.readList()
    await this.readHtml()
    await this.readSlowPage()
  }

  /** Reads pages of all kinds at once. */
  async burst (): Promise<void> {
    const reads = [() => this.readList(), () => this.readHtml(), () => this.readSlowPage()]
    await Promise.all(Array.from({ length: BURST }, (_, i) => reads[i % reads.length]!()))
  }

  /** Reads the products as JSON. Returns whether the response was a cache hit. */
  async readList (): Promise<boolean> {
    const response = await this.#send('GET /api/products', { url: '/api/products?limit=100' }, 200)
    const items = response.statusCode === 200 ? response.json().items as Row[] : []
    this.#compare('GET /api/products', items.map(listItem), listItem)
    return /product_objects;desc="hit"/.test(String(response.headers['server-timing']))
  }

  /** Reads the products as HTML. */
  async readHtml (): Promise<void> {
    const { body } = await this.#send('GET /', { url: '/' }, 200)
    const rows = [...body.matchAll(/<th scope="row">([^<]*)<\/th>\s*<td[^>]*>([^<]*)</g)]
    this.#compare('GET /', rows.map(([, title, price]) => tableRow({ title: title!, price: price! })), tableRow)
  }

  /** Reads the page of the slow upstream. Returns whether the response was a cache hit. */
  async readSlowPage (): Promise<boolean> {
    const { body, headers } = await this.#send('GET /apicalls', { url: '/apicalls' }, 200)
    if (!body.includes('Results received!')) this.#report('GET /apicalls', 'no results')
    return /; hit/.test(String(headers['cache-status']))
  }

  /** Writes once in each way that the API has, and reads the list after each write. */
  async writeAll (): Promise<void> {
    const writes = [
      this.#patch, this.#post, this.#patchMany, this.#postMany, this.#put, this.#deleteMany, this.#deleteOne
    ]
    for (const write of writes) {
      await write.call(this)
      await this.readList()
    }
  }

  /** Changes one product. */
  async write (): Promise<void> {
    await this.#patch()
  }

  #patch () {
    return this.#change('PATCH', `/${this.#someId()}`, { price: this.#newPrice() }, 200)
  }

  #put () {
    const price = this.#newPrice()
    return this.#change('PUT', `/${this.#someId()}`, { title: `put ${price}`, price }, 200)
  }

  #patchMany () {
    return this.#change('PATCH', '', { where: { ids: this.#ids().slice(0, 5) }, set: { price: this.#newPrice() } }, 200)
  }

  #post () {
    return this.#change('POST', '', { title: 'new', price: this.#newPrice() }, 201)
  }

  #postMany () {
    const price = this.#newPrice()
    return this.#change('POST', '', [{ title: 'one of two', price }, { title: 'the other', price }], 201)
  }

  #deleteOne () {
    return this.#change('DELETE', `/${this.#ids()[0]}`, undefined, 204)
  }

  #deleteMany () {
    return this.#change('DELETE', `?id=${this.#ids()[0]}&id=${this.#ids()[1]}`, undefined, 200)
  }

  async #change (
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, payload: object | undefined, status: number
  ): Promise<void> {
    await this.#send('a change', { method, url: `/api/products${path}`, ...payload && { payload } }, status)
  }

  #newPrice () {
    return `${++lastPrice}.00`
  }

  /** The products in the order of the list: the newest first. */
  #rows (): Row[] {
    const sql = 'SELECT id, title, price FROM products ORDER BY julianday(created) DESC, id DESC LIMIT 100'
    return this.#database.prepare<[], Row>(sql).all()
  }

  #ids () {
    return this.#rows().map(({ id }) => id)
  }

  #someId () {
    const ids = this.#ids()
    return ids[lastPrice % ids.length]!
  }

  async #send (kind: string, request: InjectOptions, status: number): Promise<LightMyRequestResponse> {
    const { phase } = this
    const startedAt = performance.now()
    const response = await this.#app.inject(request)
    this.#timings.push({ kind, phase, ms: performance.now() - startedAt })
    if (response.statusCode !== status) {
      this.#report(`${request.method ?? 'GET'} ${request.url as string}`, `${response.statusCode} ${response.body}`)
    }
    return response
  }

  #compare (request: string, actual: string[], format: (row: Row) => string): void {
    const expected = this.#rows().map(format)
    if (actual.join('\n') === expected.join('\n')) return
    const start = (rows: string[]) => `${rows.slice(0, 5).join(', ')} …`
    this.#report(request, `the response has ${start(actual)}, the database ${start(expected)}`)
  }

  #report (request: string, problem: string): void {
    this.errors.push(`${this.phase}: ${request}: ${problem}`)
  }

  /**
   * How many milliseconds the responses of a phase took longer than the median of their kind in the healthy phase.
   *
   * In ascending order.
   */
  extraMs (phase: Phase): number[] {
    const usual = new Map<string, number>()
    for (const { kind } of this.#timings) {
      if (usual.has(kind)) continue
      const healthy = this.#inPhase('healthy').filter((timing) => timing.kind === kind)
      usual.set(kind, median(healthy.map(({ ms }) => ms)))
    }
    return this.#inPhase(phase).map(({ kind, ms }) => ms - usual.get(kind)!).sort((a, b) => a - b)
  }

  /** Describes the slowest responses of a phase. */
  slowest (phase: Phase): string {
    const slowest = this.#inPhase(phase).sort((a, b) => b.ms - a.ms).slice(0, 3)
    return slowest.map(({ kind, ms }) => `${kind} ${ms.toFixed(0)} ms`).join(', ')
  }

  #inPhase (phase: Phase): Timing[] {
    return this.#timings.filter((timing) => timing.phase === phase)
  }
}

export function median (numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}
