import type pg from 'pg'
import t, { type Test } from 'tap'
import { installClock } from '../../../src/clock/postgres/install.ts'
import { createLookStatement } from '../../../src/clock/postgres/looks.ts'
import { Random } from '../../coherence/storm/random.ts'
import { startPostgres } from '../../support/postgres.ts'
import { soak } from '../../support/soak.ts'
import type { LookRow } from './model/clock-functions.ts'
import { ModelServer } from './model/server.ts'
import type { ModelSnapshot } from './model/snapshot.ts'
import type { Transaction } from './model/transactions.ts'

/*
 * The model of the explorer is right: in random sequences of statements, PostgreSQL lists the same changes and finds
 * the same entries stale, for all snapshots so far. EXPLORER_SEED chooses other sequences.
 */
const SEED = Number(process.env.EXPLORER_SEED ?? 1)
const STEPS = soak(1_500, 100)
const ROWS = 2
const CLIENTS = 3
/** What entries depend on: a row, the other one, and any. */
const ENTRIES = [1, 2, null]
/** The slots of the values of the first column. */
const FIRST_SLOT = 65_536
/** Snapshots that are compared after each step: some of all so far. */
const COMPARED = 5

interface Session {
  readonly client: pg.PoolClient
  readonly name: string
  transaction: Transaction | undefined
}

/** A database and its model. */
class Pair {
  readonly #model = new ModelServer(ROWS, {}, Infinity)
  readonly #random = new Random(SEED)
  readonly #pool: pg.Pool
  readonly #sessions: Session[] = []
  readonly #snapshots: Array<[model: ModelSnapshot, real: string]> = []
  /** The numbers of transactions in the model, by those in PostgreSQL. */
  readonly #numbers = new Map<string, number>()

  constructor (pool: pg.Pool) {
    this.#pool = pool
  }

  async open (): Promise<void> {
    for (let i = 0; i < CLIENTS; i++) {
      this.#sessions.push({ client: await this.#pool.connect(), name: `session ${i}`, transaction: undefined })
    }
    this.#model.beginHistory()
    await this.#keepSnapshot()
  }

  async close (): Promise<void> {
    for (const { client, transaction } of this.#sessions) {
      if (transaction?.isPrepared === false) await client.query('ROLLBACK')
      client.release(true)
    }
  }

  /** Does something at random. Returns what. */
  async step (): Promise<string> {
    const random = this.#random
    if (random.chance(0.1)) return await this.#fold()
    const session = random.pick(this.#sessions)
    const { transaction } = session
    const done = transaction === undefined ? await this.#begin(session) : await this.#go(session, transaction)
    await this.#keepSnapshot()
    return `${session.name}: ${done}`
  }

  async #fold (): Promise<string> {
    await this.#pool.query('SELECT larder.fold()')
    if (this.#model.beginFold()) this.#model.endFold()
    return 'fold'
  }

  async #begin (session: Session): Promise<string> {
    await session.client.query(`BEGIN ISOLATION LEVEL ${this.#random.pick(['READ COMMITTED', 'SERIALIZABLE'])}`)
    session.transaction = this.#model.begin()
    return 'BEGIN'
  }

  async #go (session: Session, transaction: Transaction): Promise<string> {
    const random = this.#random
    const { client, name } = session
    const run = async (sql: string, change: () => void): Promise<string> => {
      await client.query(sql)
      change()
      return sql
    }
    const end = async (sql: string, change: () => void): Promise<string> => {
      session.transaction = undefined
      return await run(sql, change)
    }
    const commit = () => this.#model.commit(transaction)
    const rollBack = () => this.#model.rollback(transaction)
    if (transaction.isPrepared) {
      return random.chance(0.7)
        ? await end(`COMMIT PREPARED '${name}'`, commit)
        : await end(`ROLLBACK PREPARED '${name}'`, rollBack)
    }
    const way = random.next()
    if (way < 0.5) return await this.#write(session, transaction)
    if (transaction.savepoint !== undefined) {
      return random.chance(0.6)
        ? await run('RELEASE a', () => transaction.release())
        : await run('ROLLBACK TO a; RELEASE a', () => this.#model.rollbackToSavepoint(transaction))
    }
    if (way < 0.65) return await run('SAVEPOINT a', () => transaction.beginSavepoint())
    if (way < 0.7) return await end('ROLLBACK', rollBack)
    if (way < 0.8) return await run(`PREPARE TRANSACTION '${name}'`, () => this.#model.prepare(transaction))
    return await end('COMMIT', commit)
  }

  async #write ({ client }: Session, transaction: Transaction): Promise<string> {
    const row = 1 + this.#random.below(ROWS)
    if (this.#model.isLocked(row, transaction)) return 'waits'
    await client.query(`INSERT INTO items VALUES (${row})`) // which conflicts with nothing, at any isolation level
    this.#model.write(transaction, row)
    const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
    this.#numbers.set(rows[0]!.xid, transaction.top.xid!)
    return `INSERT ${row}`
  }

  async #keepSnapshot (): Promise<void> {
    const { rows } = await this.#pool.query<{ now: string }>('SELECT pg_current_snapshot()::text AS now')
    this.#snapshots.push([this.#model.takeSnapshot(), rows[0]!.now])
  }

  /** Compares looks since some of the snapshots, and entries with these stamps. */
  async compare (t: Test, done: string): Promise<void> {
    const snapshots = this.#random.shuffle(this.#snapshots).slice(0, COMPARED)
    const expected = snapshots.map(([since]) => this.#askModel(since))
    const found = await Promise.all(snapshots.map(([, since]) => this.#ask(since)))
    t.same(found, expected, `${done}: looks list the same changes, and the same entries are stale`)
  }

  #askModel (stamp: ModelSnapshot) {
    const [[, , , moved]] = this.#model.look(stamp) as [LookRow]
    const tags = ENTRIES.map((slot) => [{ rel: this.#model.relation, slot }])
    const [, stale] = this.#model.findStale(tags.map((tags) => ({ stamp, tags })))
    return { changes: list(moved, (xid) => xid), stale }
  }

  async #ask (stamp: string) {
    const { rows: [look] } = await this.#pool.query({
      text: createLookStatement(false).text, values: [stamp], rowMode: 'array'
    })
    const { rows: [found] } = await this.#pool.query<{ stale: number[] | null }>(
      'SELECT stale FROM larder.stale(array_fill($1::pg_snapshot, ARRAY[3]), $2, array_fill($3::oid, ARRAY[3]), $4)',
      [stamp, [1, 2, 3], await this.#findTable(), ENTRIES.map((row) => row === null ? null : FIRST_SLOT + row)])
    const changes = list((look as unknown as LookRow)[3], (xid) => String(this.#numbers.get(xid)))
    return { changes, stale: `{${found!.stale ?? ''}}` }
  }

  async #findTable (): Promise<string> {
    const { rows } = await this.#pool.query<{ oid: string }>("SELECT 'items'::regclass::oid AS oid")
    return rows[0]!.oid
  }
}

/** Returns the changes that a look lists, each once, with the numbers that transactions have in the model. */
function list (moved: string | null, findNumber: (xid: string) => string): string[] {
  const changes = (moved ?? '').split(' ').filter((change) => change !== '').map((change) => {
    const [xid, , slot] = change.split(':') as [string, string, string]
    return `${findNumber(xid)} ${Number(slot) % FIRST_SLOT}`
  })
  return [...new Set(changes)].sort()
}

t.test('the model of the explorer answers as PostgreSQL does', async (t) => {
  // Nothing else has transactions there.
  const postgres = await startPostgres(t, { autovacuum: 'off' })
  const pool = await postgres.createPool(t)
  // Rows without a unique index: no transaction waits for another one, or fails.
  await pool.query('CREATE TABLE items (id int)')
  await pool.query('CREATE INDEX ON items (id)')
  const client = await pool.connect()
  try {
    await installClock(client, 5_000)
    await client.query('SELECT larder.begin_history()')
  } finally {
    client.release()
  }
  const pair = new Pair(pool)
  await pair.open()
  try {
    for (let i = 0; i < STEPS; i++) await pair.compare(t, `seed ${SEED}, ${i}, ${await pair.step()}`)
  } finally {
    await pair.close()
  }
})
