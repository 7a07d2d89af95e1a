import { AsyncLocalStorage } from 'node:async_hooks'
import { ModelServer, type State } from './server.ts'
import type { Flaws } from './clock-functions.ts'
import type { Transaction } from './transactions.ts'

/** An answer that is older than what had been committed before it was requested, or that never was the truth. */
export class Violation extends Error {}

/** Something that can happen next. */
interface Step {
  readonly label: string
  readonly run: () => void
  readonly isPossible: () => boolean
}

/** Rounds of `process.nextTick` and promises after which nothing goes on by itself. */
const TICKS = 3
const nextTurn = globalThis.setImmediate
const current = new AsyncLocalStorage<World>()

/** Chooses one of several steps. @param count at least 2 */
export type Choose = (count: number) => number

const first: Choose = () => 0

/**
 * A server, and processes that use it. Whatever waits for something is a step, and the explorer chooses which one
 * happens next: the end of a turn of the event loop, the arrival of a query, and that of an answer.
 */
export class World {
  readonly server: ModelServer
  /** What the processes have stored in common. */
  readonly log: string[] = []
  #steps: Step[] = []
  readonly #listeners: Array<() => Promise<void>> = []
  #violation: unknown
  #open = 0
  /** How many answers were taken from the cache, and checked. */
  hits = 0

  constructor (rows: number, flaws: Flaws = {}) {
    this.server = new ModelServer(rows, flaws)
  }

  note (event: string): void {
    this.log.push(event)
  }

  /** Waits until the explorer chooses this step. @param isPossible whether it can be chosen now */
  step (label: string, isPossible = () => true): Promise<void> {
    return new Promise((resolve) => { this.#steps.push({ label, run: resolve, isPossible }) })
  }

  /** Starts something that fails the run if it rejects. */
  start (work: () => Promise<void>): void {
    this.#open++
    work().catch((error: unknown) => { this.#violation ??= error }).finally(() => { this.#open-- })
  }

  /** Checks an answer against all that could be read while it was on its way. @param since the first of these states */
  check (what: string, answer: string, since: number, read: (state: State) => string): void {
    const possible = this.server.states.slice(since).map(read)
    this.note(`${what}: ${answer}`)
    if (!possible.includes(answer)) throw new Violation(`${what}: ${answer} in place of ${possible.join(' or ')}`)
  }

  /** Runs what `begin` starts to its end, in the order that is chosen. */
  async run (begin: () => void, choose: Choose = first): Promise<void> {
    const original = globalThis.setImmediate
    globalThis.setImmediate = setStep as typeof setImmediate
    try {
      current.run(this, begin)
      for (;;) {
        for (let ticks = 0; ticks < TICKS; ticks++) await new Promise<void>((resolve) => process.nextTick(resolve))
        if (this.#violation !== undefined) throw this.#violation
        const possible = this.#steps.filter(({ isPossible }) => isPossible())
        if (possible.length === 0) break
        const chosen = possible[possible.length === 1 ? 0 : choose(possible.length)]!
        this.#steps = this.#steps.filter((step) => step !== chosen)
        this.note(chosen.label)
        chosen.run()
      }
    } finally {
      globalThis.setImmediate = original
    }
  }

  /** Calls back after each commit. */
  onCommit (listener: () => Promise<void>): void {
    this.#listeners.push(listener)
  }

  /** Commits a transaction. */
  commit (transaction: Transaction): void {
    this.server.commit(transaction)
    for (const listener of this.#listeners) this.start(listener)
  }

  /** Whether all that was started has ended. Transactions may wait for each other for ever. */
  get isOver (): boolean {
    return this.#open === 0
  }

  /** A turn of the event loop ends when the explorer says so. */
  endTurn (callback: () => void): void {
    this.#steps.push({ label: 'a turn ends', run: callback, isPossible: () => true })
  }
}

function setStep (callback: () => void): unknown {
  const world = current.getStore()
  return world === undefined ? nextTurn(callback) : world.endTurn(callback)
}
