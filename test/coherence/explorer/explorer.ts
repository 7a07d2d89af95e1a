import { copyFileSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { openDatabase } from '../../../src/db/index.ts'
import type { Subject } from './process.ts'
import { play } from './play.ts'
import type { Story } from './steps.ts'
import { World } from './world.ts'

export interface Limits {
  seed: number
  runs: number
  /** Begins no further run after this time, which depends on the machine; what is run, and how, does not. */
  seconds?: number
  /** Looks for no shorter story than the first that fails. */
  endOnFailure?: boolean
}

export interface Findings {
  /** Stories that were played before one failed. */
  played: number
  failed: boolean
  error: unknown
  /** What failed, and how to see it again. */
  report: string
}

const ORDERS = fc.infiniteStream(fc.scheduler(), { noHistory: true })
/** After a failure fast-check looks for a shorter story, which may need another order of events to fail. */
const ORDERS_OF_SHORTER = 10
const SECONDS_TO_SHORTEN = 10

/** Plays stories with a subject, each with a database of its own and in an order of events that the scheduler comes upon. */
export class Explorer {
  readonly #template: string
  readonly #folder: string
  #stories = 0

  /** @param folder for its databases */
  constructor (folder: string) {
    this.#folder = folder
    this.#template = `${folder}/template.db`
    openDatabase(`file:${this.#template}`).close()
    const connection = new Sqlite(this.#template)
    connection.exec("INSERT INTO products (id, title, price) VALUES (1, 'first', '1'), (2, 'second', '1')")
    connection.close()
  }

  async explore (subject: Subject, stories: fc.Arbitrary<Story>, limits: Limits): Promise<Findings> {
    const { seed, runs, seconds = Infinity, endOnFailure = false } = limits
    let deadline = performance.now() + seconds * 1000
    let played = 0
    let failed = false
    const property = fc.asyncProperty(ORDERS, stories, async (orders, story) => {
      if (performance.now() > deadline) return
      if (!failed) played++
      try {
        for (const order of orders.take(failed ? ORDERS_OF_SHORTER : 1)) await this.#play(subject, order, story)
      } catch (error) {
        if (!failed) deadline = performance.now() + SECONDS_TO_SHORTEN * 1000
        failed = true
        throw error
      }
    })
    const details = await fc.check(property, { seed, numRuns: runs, endOnFailure, includeErrorInReport: true })
    return { played, failed, error: details.errorInstance, report: fc.defaultReportMessage(details) ?? '' }
  }

  async #play (subject: Subject, order: fc.Scheduler, story: Story): Promise<void> {
    const path = `${this.#folder}/${++this.#stories}.db`
    copyFileSync(this.#template, path)
    const world = new World(path, order)
    try {
      await world.run(play(world, subject, story), story.together)
    } catch (error) {
      throw new Error(`${String(error)}\nafter\n${world.log}`, { cause: error })
    } finally {
      world.close()
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    }
  }
}
