import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { Committed, SCHEMA } from '../clock/postgres/storm/cells.ts'
import { type PrivatePostgres, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import type { Network } from './network.ts'

/** More than the storm adds to a cell in one history. */
const STEP = 100_000

/** A primary and a standby that follows it, on two hosts. The moving address of the network leads to the primary. */
export class Databases {
  readonly committed = new Committed()
  readonly #network: Network
  readonly #hosts: readonly [string, string]
  #servers!: readonly [PrivatePostgres, PrivatePostgres]
  #pool!: pg.Pool
  /** How the application connects. */
  database!: pg.PoolConfig

  constructor (network: Network, hosts: readonly [string, string]) {
    this.#network = network
    this.#hosts = hosts
  }

  async start (t: Test): Promise<void> {
    const [primary, standby] = this.#hosts
    const folder = mkdtempSync(join(tmpdir(), 'larder-hosts-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    chmodSync(folder, 0o755) // PostgreSQL runs as another user
    const access = join(folder, 'access.conf')
    writeFileSync(access, 'local all all trust\nlocal replication all trust\n' +
      'host all all 10.0.0.0/8 trust\nhost replication all 10.0.0.0/8 trust\n')
    const settings = { listen_addresses: '*', hba_file: access, deadlock_timeout: '20ms' }
    const network = this.#network
    const first = await startPostgres(t, settings, undefined, network.within(primary))
    this.#pool = await first.createPool(t)
    await this.#pool.query(SCHEMA)
    const following = `host=${network.address(primary)} user=postgres`
    const second = await startPostgres(t, { ...settings, primary_conninfo: following }, first, network.within(standby))
    this.#servers = [first, second]
    network.moveAddress(primary)
    this.database = { host: network.movingAddress, user: 'postgres', database: this.#pool.options.database! }
    await until('the standby follows', async () => {
      const { rows } = await this.#pool.query('SELECT FROM pg_stat_replication')
      return rows.length === 1
    })
  }

  /** Connections to the present primary. */
  readonly pool = {
    connect: () => this.#pool.connect(),
    query: (sql: string) => this.#pool.query(sql)
  }

  /** The standby takes over without the last commits, which it has not received. @returns how many rows lost some */
  async failOver (t: Test): Promise<number> {
    const [primary, standby] = this.#hosts
    const [first, second] = this.#servers
    this.#network.cut(primary, standby, 'silence')
    const { commits } = this.committed
    await until('commits are lost', () => this.committed.commits > commits + 20)
    const before = await this.#readCells()
    await first.stop('SIGQUIT')
    this.#pool = new pg.Pool({ ...this.database, host: second.host })
    this.#pool.on('error', () => {})
    const pool = this.#pool
    t.teardown(() => pool.end())
    await pool.query('SELECT pg_promote()')
    this.#network.heal() // earlier, the system would still deliver what the primary had sent
    const after = await this.#readCells()
    // The lock keeps the writers away, which would wait for each other.
    await pool.query(`BEGIN; LOCK TABLE cells IN EXCLUSIVE MODE; UPDATE cells SET n = n + ${STEP}; COMMIT`)
    this.committed.beginHistory(await this.#readCells())
    this.#network.moveAddress(standby)
    return after.filter((n, id) => n < before[id]!).length
  }

  async #readCells (): Promise<number[]> {
    const { rows } = await this.#pool.query<{ n: number }>('SELECT n FROM cells ORDER BY id')
    return rows.map(({ n }) => n)
  }
}
