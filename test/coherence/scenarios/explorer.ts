import { copyFileSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import fc from 'fast-check'
import { migrate } from '../../../src/db/sqlite/migrate.ts'
import type { Subject } from './process.ts'
import { runScenario } from './run-scenario.ts'
import type { Scenario } from './steps.ts'
import { World } from './world.ts'

export interface Limits {
  seed: number
  runs: number
  /** Starts no further run after this time, which depends on the machine. The runs themselves do not. */
  seconds?: number
  /** Does not shrink the first scenario that fails. */
  endOnFailure?: boolean
}

export interface Findings {
  /** How many scenarios were run before one failed. */
  done: number
  failed: boolean
  error: unknown
  /** The failing scenario, and how to run it again. */
  report: string
}

const ORDERS = fc.infiniteStream(fc.scheduler(), { noHistory: true })
/** After a failure fast-check shrinks the scenario, which may need another order of events to fail. */
const ORDERS_WHILE_SHRINKING = 10
const SECONDS_TO_SHRINK = 10

/** Runs random scenarios with a cache, each on a database of its own and in a random order of events. */
export class ScenarioExplorer {
  readonly #template: string
  readonly #folder: string
  #databases = 0

  /** @param folder for its databases */
  constructor (folder: string) {
    this.#folder = folder
    this.#template = `${folder}/template.db`
    const connection = new Sqlite(this.#template)
    connection.pragma('journal_mode = WAL')
    migrate(connection)
    connection.exec("INSERT INTO products (id, title, price) VALUES (1, 'first', '1'), (2, 'second', '1')")
    connection.close()
  }

  async explore (subject: Subject, scenarios: fc.Arbitrary<Scenario>, limits: Limits): Promise<Findings> {
    const { seed, runs, seconds = Infinity, endOnFailure = false } = limits
    let deadline = performance.now() + seconds * 1000
    let done = 0
    let failed = false
    const property = fc.asyncProperty(ORDERS, scenarios, async (orders, scenario) => {
      if (performance.now() > deadline) return
      if (!failed) done++
      try {
        for (const order of orders.take(failed ? ORDERS_WHILE_SHRINKING : 1)) await this.#run(subject, order, scenario)
      } catch (error) {
        if (!failed) deadline = performance.now() + SECONDS_TO_SHRINK * 1000
        failed = true
        throw error
      }
    })
    const details = await fc.check(property, { seed, numRuns: runs, endOnFailure, includeErrorInReport: true })
    return { done, failed, error: details.errorInstance, report: fc.defaultReportMessage(details) ?? '' }
  }

  async #run (subject: Subject, order: fc.Scheduler, scenario: Scenario): Promise<void> {
    const path = `${this.#folder}/${++this.#databases}.db`
    copyFileSync(this.#template, path)
    const world = new World(path, order)
    try {
      await world.run(runScenario(world, subject, scenario), scenario.together)
    } catch (error) {
      throw new Error(`${String(error)}\nafter\n${world.log}`, { cause: error })
    } finally {
      world.close()
      for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
    }
  }
}
