import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createLookStatement } from '../../../src/clock/postgres/looks.ts'
import { type PostgresClock, postgresClock } from '../../../src/larder/postgres.ts'
import { readCertificate } from '../../support/certificates.ts'
import { findUser } from '../../../servers/postgres.ts'
import { startPostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { createBlog } from './blog.ts'

const PASSWORD = 'p@ss:w/ör%d\'"'

async function findPort (): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return String(port)
}

/** Checks that changes are seen, in this process and in what others have stored, and after a lost connection. */
async function checkClock (t: Test, { versions }: PostgresClock, pool: pg.Pool) {
  const elsewhere = (stamp: string) => stamp.replace('/', '/0')
  const stamp = await versions.stamp()
  await pool.query("UPDATE posts SET title = 'eins' WHERE id = 1")
  for (const taken of [stamp, elsewhere(stamp)]) {
    t.equal(await versions.firstChanged(taken, ['posts:2']), undefined)
    t.equal(await versions.firstChanged(taken, ['posts:1']), 'posts:1')
  }
  const later = await versions.stamp()
  await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() ' +
    "AND query LIKE '%FROM larder.%'")
  await until('the clock works again', async () => await versions.firstChanged(later, ['posts']) === undefined)
}

t.test('a clock connects with a password and TLS as its pool does', async (t) => {
  const files = mkdtempSync(join(tmpdir(), 'larder-tls-'))
  t.teardown(() => rmSync(files, { recursive: true }))
  const port = await findPort()
  const certificate = await readCertificate('localhost')
  const write = (name: string, text: string) => {
    const path = join(files, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    ssl: 'on',
    ssl_cert_file: write('server.crt', certificate),
    ssl_key_file: write('server.key', certificate),
    hba_file: write('pg_hba.conf', 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n')
  }
  const user = findUser()
  for (const path of [files, settings.ssl_cert_file, settings.ssl_key_file, settings.hba_file]) {
    if (user !== undefined) chownSync(path, user.uid, user.gid)
  }
  const postgres = await startPostgres(t, settings)
  const local = await createBlog(t, postgres)
  await local.pool.query(`ALTER ROLE postgres PASSWORD ${pg.escapeLiteral(PASSWORD)}`)
  const { database } = local.pool.options
  const ca = await readCertificate('ca')
  const connect = (password: string) => {
    const pool = new pg.Pool({
      host: 'localhost', port: Number(port), user: 'postgres', database, password, ssl: { ca }
    })
    pool.on('error', () => {})
    t.teardown(() => pool.end())
    return pool
  }
  await t.rejects(postgresClock(connect('wrong')), { message: 'password authentication failed for user "postgres"' })
  const pool = connect(PASSWORD)
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  const { rows } = await pool.query('SELECT FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) ' +
    "WHERE ssl AND query LIKE '%FROM larder.clock c%' AND pid <> pg_backend_pid()")
  t.equal(rows.length, 1, 'looks are encrypted')
  await checkClock(t, clock, pool)
})

t.test('a clock without prepared statements, as a pooler needs, sees the same', async (t) => {
  const postgres = await startPostgres(t)
  const { clock, pool } = await createBlog(t, postgres, { prepare: false })
  await checkClock(t, clock, pool)
})

t.test('a clock notices a pooler that has given its prepared statement to another process', async (t) => {
  const postgres = await startPostgres(t)
  const { pool: { options } } = await createBlog(t, postgres)
  const { name } = createLookStatement(true)
  class Client extends pg.Client {
    // PgBouncer gives one connection of the server to many clients.
    override connect (callback?: any): any {
      const connected = super.connect().then(async () => { await this.query(`PREPARE ${name} AS SELECT 1`) })
      if (callback === undefined) return connected
      connected.then(() => callback(), callback)
    }
  }
  const pool = new pg.Pool({ ...options, Client } as unknown as pg.PoolConfig)
  pool.on('error', () => {})
  pool.on('connect', (client) => { client.on('error', () => {}) })
  t.teardown(() => pool.end())
  const clock = await postgresClock(pool)
  t.teardown(() => clock.close())
  await checkClock(t, clock, pool)
})
