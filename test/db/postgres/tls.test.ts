import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { startPostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'

const PASSWORD = 'p@ss/w?rd%&=#: s3cret'

/** Where the certificates of the tests are. */
const locate = (name: string) => fileURLToPath(new URL(`../../support/certificates/${name}.pem`, import.meta.url))

/** A server that asks for a password, and can have TLS. */
async function startServer (t: Test) {
  const port = 20_000 + process.pid % 20_000
  const server = await startPostgres(t, { listen_addresses: '127.0.0.1,127.0.0.2', port: String(port) })
  const { uid, gid } = statSync(server.host)
  const certificate = `${server.host}/server.pem`
  copyFileSync(locate('localhost'), certificate)
  chmodSync(certificate, 0o600)
  chownSync(certificate, uid, gid)
  const rules = `${server.host}/data/pg_hba.conf`
  writeFileSync(rules, `host all shop 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`)
  const admin = new pg.Client({ host: server.host, port, user: 'postgres', database: 'postgres' })
  await admin.connect()
  t.teardown(() => admin.end())
  await admin.query(`CREATE ROLE shop LOGIN PASSWORD '${PASSWORD}'`)
  await admin.query('CREATE DATABASE shop OWNER shop')
  await admin.query('SELECT pg_reload_conf()')
  const enableTls = async () => {
    await admin.query(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`)
    await admin.query(`ALTER SYSTEM SET ssl_key_file = '${certificate}'`)
    await admin.query('ALTER SYSTEM SET ssl = on')
    await admin.query('SELECT pg_reload_conf()')
    await until('it has TLS', async () => (await admin.query('SHOW ssl')).rows[0].ssl === 'on')
  }
  return { port, enableTls }
}

t.test('passwords and TLS', async (t) => {
  const { port, enableTls } = await startServer(t)
  /** Opens the database, and returns whether it uses TLS, or why it does not open. Checks that it cancels, too. */
  const open = async (parameters: string, password = PASSWORD): Promise<boolean | string> => {
    const login = `shop:${encodeURIComponent(password)}`
    try {
      const database = await openDatabase(`postgres://${login}@127.0.0.1:${port}/shop?${parameters}`, { onWarning () {} })
      const { rows } = await database.sql.execute<{ ssl: boolean }>(
        sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`)
      const controller = new AbortController()
      const sleep = async () => await database.sql.execute(sql`SELECT pg_sleep(60)`)
      const running = database.withSignal(controller.signal, sleep)
      await until('it runs', () => database.load.reads.running === 1)
      controller.abort(new Error('gone'))
      await t.rejects(running, { message: 'gone' })
      await database.close()
      return rows[0]!.ssl
    } catch (error) {
      return (error as Error).message
    }
  }
  t.equal(await open(''), false, 'prefer takes what there is')
  t.match(await open('', 's3cret'), /password authentication failed for user "shop"\. Check the user and the password\.$/)
  t.match(await open('', ''), /The server requires a password/)
  t.match(await open('sslmode=require'), /does not support SSL connections\. Use sslmode=prefer or disable/)
  await enableTls()
  t.equal(await open(''), true)
  t.equal(await open('sslmode=disable'), false)
  t.equal(await open('sslmode=require'), true)
  t.equal(await open(`sslmode=verify-ca&sslrootcert=${locate('ca')}`), true)
  t.match(await open(`sslmode=verify-ca&sslrootcert=${locate('ann')}`), /Check sslmode and sslrootcert\.$/)
  t.equal(await open(`sslmode=verify-full&sslrootcert=${locate('ca')}`), true)
  t.match(await open(`sslmode=verify-full&sslrootcert=${locate('ca')}&host=127.0.0.2`),
    /does not match.*Check sslmode and sslrootcert\.$/, 'the certificate is not one for that address')
})
