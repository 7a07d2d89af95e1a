import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { PAGES } from '../clock/postgres/site/pages.ts'
import { Answers, readSite } from '../clock/postgres/site/reader.ts'
import type { Site } from '../clock/postgres/site/site.ts'
import { write } from '../clock/postgres/storm/writer.ts'
import { Random } from '../coherence/storm/random.ts'
import { untilIn } from '../support/until.ts'
import type { Databases } from './databases.ts'

const READERS = 2
/** Milliseconds between two transactions. */
const MAX_PAUSE = 30
/** Hits of a process that show that its cache is in use. */
const HITS = 10
/** Milliseconds of a phase, if the caches are in use by then, and at most. */
const PHASE_MS = 1_000
const PATIENCE_MS = 30_000

/** Requests pages of all processes and writes, until it is over. Phases count their answers apart. */
export class Traffic {
  readonly #t: Test
  readonly #sites: readonly Site[]
  readonly #workers: Array<Promise<void>>
  #answers: Answers[]
  #isOver = false
  readonly stale: string[] = []
  checked = 0

  constructor (t: Test, sites: readonly Site[], databases: Databases, seed: number) {
    const random = new Random(seed)
    const { committed, pool } = databases
    const isOver = () => this.#isOver
    this.#t = t
    this.#sites = sites
    this.#answers = sites.map(() => new Answers())
    this.#workers = [
      ...sites.flatMap(({ url }, i) => Array.from({ length: READERS }, () => readSite({
        getUrl: () => url, pages: PAGES, committed, random, isOver, getAnswers: () => this.#answers[i]!
      }))),
      write({ pool, committed, random, isOver, allowAsyncCommit: false, maxPause: MAX_PAUSE })
    ]
  }

  /** Runs a phase until processes have used their caches. Returns what each process has answered in it. */
  async count (title: string, using: readonly number[] = this.#sites.map((_, i) => i)): Promise<Answers[]> {
    this.#begin()
    const ms = await untilIn(`the caches are in use: ${title}`, PATIENCE_MS, () =>
      using.every((i) => this.#answers[i]!.hits >= HITS))
    if (ms < PHASE_MS) await sleep(PHASE_MS - ms)
    return this.#end(title)
  }

  /** Waits until all processes use their caches, after a fault. */
  async recover (title: string): Promise<void> {
    this.#begin()
    const ms = await untilIn(`all caches are in use: ${title}`, PATIENCE_MS, () =>
      this.#answers.every(({ hits }) => hits >= HITS))
    this.#end(`${title}, in use after ${Math.round(ms)} ms`)
  }

  #begin (): void {
    this.#answers = this.#sites.map(() => new Answers())
  }

  #end (title: string): Answers[] {
    const answers = this.#answers
    this.#answers = this.#sites.map(() => new Answers())
    this.#t.comment(`${title}: ${answers.map(({ hits, loads, failed, slowest }) =>
      `${hits} hits, ${loads} loads, ${failed} failed, ${Math.round(slowest)} ms`).join(' | ')}`)
    this.stale.push(...answers.flatMap(({ stale }) => stale.map((answer) => `${title}: ${answer}`)))
    this.checked += answers.reduce((sum, { checked }) => sum + checked, 0)
    return answers
  }

  async end (): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#workers)
  }
}
