import type { Test } from 'tap'
import type { Database } from '../../../src/db/index.ts'
import type { DatabaseLimits } from '../../../src/db/limits.ts'

/** A database, and the shortest ways to write and to read, whatever its engine. */
export interface Notes {
  database: Database
  /** Adds a product with this title, in the transaction around the call. */
  add (title: string): Promise<void>
  /** The titles that a read here and now sees. */
  titles (): Promise<string[]>
  /** Runs a statement that fails. */
  fail (): Promise<void>
  /** Runs a statement that takes longer than a test. */
  runLong (): Promise<void>
}

/** Returns a database without products: a shared one, or with limits one of its own. */
export type SetUp = (t: Test, limits?: DatabaseLimits) => Promise<Notes>
