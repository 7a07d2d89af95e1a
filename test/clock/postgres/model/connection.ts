import type { OnAnswer, Row } from '../../../../src/clock/postgres/answers.ts'
import { decodeQuery } from '../../../support/postgres-answers.ts'
import type { Question } from './clock-functions.ts'
import { parseSnapshot } from './snapshot.ts'
import type { World } from './world.ts'

export interface ModelConnectionOptions {
  /** Of the process. */
  readonly name: string
  readonly world: World
  /** Prepares a new connection. */
  readonly onConnect: (connection: ModelConnection) => Promise<void>
  /** It leads to a pooler, which outlives the server. */
  readonly isPooled: boolean
}

/** In place of a connection to PostgreSQL: queries run and are answered in order, and the explorer chooses when. */
export class ModelConnection {
  readonly #options: ModelConnectionOptions
  #isReady = false
  #isClosed = false
  #pending: OnAnswer[] = []
  /** Resolve when all queries so far have run, and when all answers have arrived. */
  #ran: Promise<unknown> = Promise.resolve()
  #answered: Promise<void> = Promise.resolve()
  /** The life of the server that it is connected to. */
  #life = 0
  /** Counts connections: nothing arrives from an earlier one. */
  #number = 0

  constructor (options: ModelConnectionOptions) {
    this.#options = options
  }

  get isReady (): boolean {
    return this.#isReady
  }

  async open (): Promise<void> {
    const { world, onConnect } = this.#options
    const number = ++this.#number
    this.#life = world.server.life
    await onConnect(this)
    if (number !== this.#number) return
    if (this.#isBroken) return this.#drop()
    this.#isReady = true
  }

  /** Whether the server has crashed since, which the process may not know. */
  get #isBroken (): boolean {
    const { isPooled, world } = this.#options
    return !isPooled && this.#life !== world.server.life
  }

  /** Runs `work` when it arrives at the server. */
  async arrive<T> (label: string, work: () => T): Promise<T> {
    const number = this.#number
    await this.#options.world.step(`${this.#options.name}: ${label}`)
    if (this.#isBroken || number !== this.#number) throw new Error('The connection is lost.')
    return work()
  }

  query (message: Buffer, onAnswer: OnAnswer): void {
    if (!this.#isReady) return onAnswer(new Error('The database is not available.'), [])
    const { name, world } = this.#options
    const number = this.#number
    const query = decodeQuery(message)
    const label = query.statement.startsWith('larder_look') ? 'look' : 'check'
    this.#pending.push(onAnswer)
    const rows = this.#ran.then(() => this.arrive(label, () => this.#run(label, query.values)))
    const before = this.#answered
    const answered = rows.then(async (rows) => {
      await before
      await world.step(`${name}: answer of ${label}`)
      if (number !== this.#number) return
      this.#pending.shift()
      onAnswer(undefined, rows)
    })
    this.#ran = rows.catch(() => {})
    this.#answered = answered.catch(() => { if (number === this.#number) this.#drop() })
  }

  #run (label: 'look' | 'check', values: readonly string[]): readonly Row[] {
    const { server } = this.#options.world
    if (label === 'look') return server.look(parseSnapshot(values[0]!))
    const [stamps, entries, rels, slots] = values.map(readArray) as [string[], string[], string[], string[]]
    const questions: Question[] = stamps.map((stamp, i) => ({
      stamp: parseSnapshot(stamp),
      tags: entries.flatMap((entry, j) => entry === String(i + 1)
        ? [{ rel: Number(rels[j]), slot: slots[j] === 'NULL' ? null : Number(slots[j]) }]
        : [])
    }))
    return [server.findStale(questions)]
  }

  /** The process cannot use it any more, and opens another one. */
  reconnect (): void {
    if (this.#isReady) this.#drop()
  }

  /** The process notices that the server has crashed. */
  notice (): void {
    if (this.#isBroken) this.#drop()
  }

  /** The process ends. */
  close (): void {
    this.#isClosed = true
    this.#drop()
  }

  #drop (): void {
    const { world, name } = this.#options
    this.#number++
    this.#isReady = false
    world.note(`${name} has lost its connection`)
    const pending = this.#pending
    this.#pending = []
    this.#ran = this.#answered = Promise.resolve()
    for (const onAnswer of pending) onAnswer(new Error('The connection is lost.'), [])
    if (!this.#isClosed) world.start(() => this.open().catch(() => this.#drop()))
  }
}

/** Reads an array as it is written for PostgreSQL, with quotes around all items or none. */
function readArray (text: string): string[] {
  return text.match(/"[^"]*"|[^{},"]+/g)?.map((item) => item.replaceAll('"', '')) ?? []
}
