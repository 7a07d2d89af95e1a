import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type Sqlite from 'better-sqlite3'

/** What it was like when a request was sent. */
export type Phase = 'well' | 'struck' | 'away' | 'healed'

interface Answer { what: string, phase: Phase, ms: number }

interface Row { id: number, title: string, price: string }

/** Requests sent at once. */
const CROWD = 8

/** Prices that were written, so that no two patrols of the same products write the same. */
let prices = 0

/** Sends requests, holds each answer against the database, and notes how long it took. */
export class Patrol {
  readonly #app: FastifyInstance
  readonly #truth: Sqlite.Database
  readonly #answers: Answer[] = []
  phase: Phase = 'well'
  /** What was wrong with answers. */
  readonly wrong: string[] = []

  constructor ({ app, truth }: { app: FastifyInstance, truth: Sqlite.Database }) {
    this.#app = app
    this.#truth = truth
  }

  /** One request of each kind, one after the other. Nothing may be written meanwhile. */
  async round (): Promise<void> {
    await this.list()
    await this.page()
    await this.slowPage()
  }

  /** Requests of all kinds at once. */
  async crowd (): Promise<void> {
    await Promise.all(Array.from({ length: CROWD }, (_, i) => i % 3 === 0 ? this.list() : i % 3 === 1 ? this.page() : this.slowPage()))
  }

  /** The list as JSON. Answers whether it came from the cache. */
  async list (): Promise<boolean> {
    const response = await this.#send('GET /api/products', { url: '/api/products?limit=100' }, 200)
    const items = response.statusCode === 200 ? response.json().items as Row[] : []
    this.#compare('GET /api/products', items.map(({ id, title, price }) => `${id} ${title} ${price}`), ({ id, title, price }) => `${id} ${title} ${price}`)
    return /product_objects;desc="hit"/.test(String(response.headers['server-timing']))
  }

  /** The list as HTML. */
  async page (): Promise<void> {
    const { body } = await this.#send('GET /', { url: '/' }, 200)
    const rows = [...body.matchAll(/<th scope="row">([^<]*)<\/th>\s*<td[^>]*>([^<]*)</g)]
    this.#compare('GET /', rows.map(([, title, price]) => `${title} ${price}`), ({ title, price }) => `${title} ${price}`)
  }

  /** The page of the slow upstream. Answers whether it came from the cache. */
  async slowPage (): Promise<boolean> {
    const { body, headers } = await this.#send('GET /apicalls', { url: '/apicalls' }, 200)
    if (!body.includes('Results received!')) this.#note('GET /apicalls', 'no results')
    return /; hit/.test(String(headers['cache-status']))
  }

  /** A change of each kind, with a look after each. */
  async changes (): Promise<void> {
    for (const change of [this.#patch, this.#post, this.#patchMany, this.#postMany, this.#put, this.#deleteMany, this.#deleteOne]) {
      await change.call(this)
      await this.list()
    }
  }

  /** One change. */
  async change (): Promise<void> {
    await this.#patch()
  }

  #patch () {
    return this.#write('PATCH', `/${this.#someId()}`, { price: this.#price() }, 200)
  }

  #put () {
    const price = this.#price()
    return this.#write('PUT', `/${this.#someId()}`, { title: `put ${price}`, price }, 200)
  }

  #patchMany () {
    return this.#write('PATCH', '', { where: { ids: this.#ids().slice(0, 5) }, set: { price: this.#price() } }, 200)
  }

  #post () {
    return this.#write('POST', '', { title: 'new', price: this.#price() }, 201)
  }

  #postMany () {
    const price = this.#price()
    return this.#write('POST', '', [{ title: 'one of two', price }, { title: 'the other', price }], 201)
  }

  #deleteOne () {
    return this.#write('DELETE', `/${this.#ids()[0]}`, undefined, 204)
  }

  #deleteMany () {
    return this.#write('DELETE', `?id=${this.#ids()[0]}&id=${this.#ids()[1]}`, undefined, 200)
  }

  async #write (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, payload: object | undefined, status: number): Promise<void> {
    await this.#send('a change', { method, url: `/api/products${path}`, ...payload && { payload } }, status)
  }

  #price () {
    return `${++prices}.00`
  }

  /** The newest first. */
  #rows (): Row[] {
    return this.#truth.prepare<[], Row>('SELECT id, title, price FROM products ORDER BY julianday(created) DESC, id DESC LIMIT 100').all()
  }

  #ids () {
    return this.#rows().map(({ id }) => id)
  }

  #someId () {
    const ids = this.#ids()
    return ids[prices % ids.length]!
  }

  async #send (what: string, request: InjectOptions, status: number): Promise<LightMyRequestResponse> {
    const { phase } = this
    const began = performance.now()
    const response = await this.#app.inject(request)
    this.#answers.push({ what, phase, ms: performance.now() - began })
    if (response.statusCode !== status) this.#note(`${request.method ?? 'GET'} ${request.url as string}`, `${response.statusCode} ${response.body}`)
    return response
  }

  #compare (what: string, said: string[], text: (row: Row) => string): void {
    const due = this.#rows().map(text)
    if (said.join('\n') !== due.join('\n')) this.#note(what, `it says ${said.slice(0, 5).join(', ')} …, but due was ${due.slice(0, 5).join(', ')} …`)
  }

  #note (what: string, wrong: string): void {
    this.wrong.push(`${this.phase}: ${what}: ${wrong}`)
  }

  /** Milliseconds that answers of a phase took longer than the median of their kind when all was well, in order of size. */
  extra (phase: Phase): number[] {
    const usual = new Map<string, number>()
    for (const { what } of this.#answers) {
      if (!usual.has(what)) usual.set(what, median(this.#answers.filter((answer) => answer.what === what && answer.phase === 'well').map(({ ms }) => ms)))
    }
    return this.#answers.filter((answer) => answer.phase === phase).map(({ what, ms }) => ms - usual.get(what)!).sort((a, b) => a - b)
  }

  /** Those that took longest. */
  slowest (phase: Phase): string {
    return this.#answers.filter((answer) => answer.phase === phase).sort((a, b) => b.ms - a.ms).slice(0, 3).map(({ what, ms }) => `${what} ${ms.toFixed(0)} ms`).join(', ')
  }
}

export function median (numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN
}
