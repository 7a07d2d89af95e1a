import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../../coherence/storm/random.ts'
import { CELLS, type Committed, GROUPS } from './cells.ts'

/** A connection, of `pg` or another program. */
interface WriterClient {
  query<Row extends object = object> (sql: string): Promise<{ rows: Row[] }>
  release (isBroken?: boolean): void
}

export interface WriterOptions {
  readonly pool: { connect (): Promise<WriterClient>, query (sql: string): Promise<unknown> }
  readonly committed: Committed
  readonly random: Random
  readonly isOver: () => boolean
  /** Whether commits may be lost in a crash. They are visible at once all the same. */
  readonly allowAsyncCommit: boolean
  /** Milliseconds between two transactions, at most. Default 0. */
  readonly maxPause?: number
}

type Update = (client: WriterClient, written: Map<number, number>) => Promise<void>

let transactions = 0

/** Writes in every way a transaction can, until the storm is over. Errors are a part of it: nothing is noted then. */
export async function write (options: WriterOptions): Promise<void> {
  const { pool, committed, random, isOver, allowAsyncCommit, maxPause = 0 } = options
  const pause = () => random.chance(0.1) ? sleep(random.next() * 40) : undefined

  async function run (client: WriterClient, sql: string, written: Map<number, number>): Promise<void> {
    const { rows } = await client.query<{ id: number, n: number }>(`${sql} RETURNING id, n`)
    for (const { id, n } of rows) written.set(id, n)
  }

  const one: Update = (client, written) =>
    run(client, `UPDATE cells SET n = n + 1 WHERE id = ${random.below(CELLS)}`, written)
  const group: Update = (client, written) =>
    run(client, `UPDATE cells SET n = n + 1 WHERE grp = ${random.below(GROUPS)}`, written)
  const all: Update = (client, written) => run(client, 'UPDATE cells SET n = n + 1', written)
  const savepoint: Update = async (client, written) => {
    await client.query('SAVEPOINT a')
    await one(client, written)
    await client.query('RELEASE a')
  }
  const undone: Update = async (client, written) => {
    await client.query('SAVEPOINT a')
    await group(client, new Map())
    await client.query('ROLLBACK TO a')
    await one(client, written)
  }
  const updates = [one, one, one, one, one, one, group, savepoint, savepoint, undone, random.chance(0.3) ? all : one]

  async function end (client: WriterClient, written: Map<number, number>, history: number): Promise<void> {
    const way = random.next()
    if (way < 0.15) {
      await client.query('ROLLBACK')
      return
    }
    if (way < 0.3) {
      const name = `storm_${++transactions}`
      await client.query(`PREPARE TRANSACTION '${name}'`)
      await pause()
      await commitPrepared(name)
    } else {
      await client.query('COMMIT')
    }
    if (history === committed.history) committed.note(written) // otherwise a failover may have lost it
  }

  /** Commits a prepared transaction, which outlives a crash. It would hold its locks for ever. */
  async function commitPrepared (name: string): Promise<void> {
    for (;;) {
      try {
        await pool.query(`COMMIT PREPARED '${name}'`)
        return
      } catch (error) {
        if ((error as { code?: string }).code === '42704') return // it was committed before the crash
        if (isOver()) throw error
        await sleep(10)
      }
    }
  }

  while (!isOver()) {
    let client: WriterClient | undefined
    try {
      client = await pool.connect()
      const written = new Map<number, number>()
      const { history } = committed
      await client.query(`BEGIN ISOLATION LEVEL ${random.pick(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])}`)
      if (allowAsyncCommit && random.chance(0.3)) await client.query('SET LOCAL synchronous_commit = off')
      for (let i = random.below(3); i >= 0; i--) {
        await random.pick(updates)(client, written)
        await pause()
      }
      await end(client, written, history)
      client.release()
      if (maxPause > 0) await sleep(random.next() * maxPause)
    } catch {
      client?.release(true)
      await sleep(1)
    }
  }
}
