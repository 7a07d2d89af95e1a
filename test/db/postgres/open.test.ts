import { createServer } from 'node:net'
import { sql } from 'drizzle-orm'
import root, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { sharePostgres } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'

type Url = `postgres://${string}`

/** The message with which a database does not open, which is one line. */
async function refusal (t: Test, url: Url): Promise<string> {
  try {
    await (await openDatabase(url)).close()
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    t.equal(code, 'LARDER_DATABASE_OPEN')
    t.notMatch(message, /\n|s3cret/)
    return message
  }
  return 'opened'
}

/** An empty database of its own. */
async function createDatabase (t: Test) {
  const { host, createPool } = await sharePostgres(root)
  const pool = await createPool(t)
  const { database } = pool.options
  return { pool, host, database, url: (user: string): Url => `postgres://${user}@/${database}?host=${host}` }
}

root.test('a database that cannot be opened is refused on one line, with what to do', async (t) => {
  const { url, host, pool, database } = await createDatabase(t)
  await pool.query(`CREATE ROLE open_weak LOGIN; CREATE ROLE open_full LOGIN CONNECTION LIMIT 0;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
  for (const [wrong, message] of [
    [`postgres://u:s3cret@/x?host=${host}/nowhere`, /Cannot open the DATABASE_URL postgres:\/\/u@\/x\?host=.*: connect ENOENT .*Start PostgreSQL, or check the folder/],
    ['postgres://u:s3cret@127.0.0.1:1/x', /postgres:\/\/u@127\.0\.0\.1:1\/x: connect ECONNREFUSED .*Start PostgreSQL, or check the host and the port\./],
    ['postgres://[::1]:1/x', /\[::1\]:1\/x: connect /],
    ['postgres://u:s3cret@localhost:1/x', /connect ECONNREFUSED .*Start PostgreSQL/],
    [`postgres://postgres@/nowhere?host=${host}`, /database "nowhere" does not exist\. Create it, for example with createdb\./],
    [url('nobody'), /role "nobody" does not exist\. Check the user/],
    [url('open_full'), /too many connections for role "open_full"\. Raise max_connections, or lower DATABASE_POOL/],
    [url('open_weak'), new RegExp(`permission denied for database ${database}\\. Let the owner of the database run`)],
    ['postgres://u:s3cret@a,b/x', /DATABASE_URL postgres:\/\/\*\*\*: It must have one host\./]
  ] as Array<[Url, RegExp]>) {
    t.match(await refusal(t, wrong), message)
  }
})

root.test('a server that does not answer is refused after a while', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await until('it listens', () => server.listening)
  const { port } = server.address() as { port: number }
  const message = await refusal(t, `postgres://u@127.0.0.1:${port}/x?connect_timeout=1&sslmode=disable`)
  t.match(message, /timeout expired\. The server does not respond: check the host and the port/)
})

root.test('several processes open a new database at once', async (t) => {
  const { url, pool } = await createDatabase(t)
  const databases = await Promise.all([1, 2, 3].map(() => openDatabase(url('postgres'), { poolSize: 1 })))
  for (const database of databases) t.equal(await database.checkState(), 'ok')
  await Promise.all(databases.map((database) => database.close()))
  const { rows } = await pool.query('SELECT hash FROM larder_migrations.applied')
  t.ok(rows.length > 0)
  t.equal(new Set(rows.map(({ hash }) => hash)).size, rows.length, 'each migration was applied once')
})

root.test('a role without rights opens a database that another one has migrated', async (t) => {
  const { url, pool } = await createDatabase(t)
  await (await openDatabase(url('postgres'))).close()
  await pool.query('CREATE ROLE open_reader LOGIN; GRANT pg_read_all_data, pg_write_all_data TO open_reader')
  const warnings: string[] = []
  const database = await openDatabase(url('open_reader'), { onWarning: (message) => warnings.push(message) })
  t.equal(await database.checkState(), 'ok')
  await database.transaction(async () => {
    await database.sql.execute(sql`INSERT INTO products (title, price) VALUES ('a', '1')`)
  })
  await database.close()
})

root.test('an owner who may not create event triggers opens a database, and is warned', async (t) => {
  const { pool, database, host } = await createDatabase(t)
  await pool.query(`CREATE ROLE open_owner LOGIN; ALTER DATABASE ${database} OWNER TO open_owner`)
  const warnings: string[] = []
  const opened = await openDatabase(`postgres://open_owner@/${database}?host=${host}`, {
    onWarning: (message) => warnings.push(message)
  })
  await opened.close()
  t.match(warnings, [/may not create event triggers/])
})

root.test('a migration that fails changes nothing', async (t) => {
  const { pool, url } = await createDatabase(t)
  await pool.query('CREATE TABLE products (mine int)')
  t.match(await refusal(t, url('postgres')), /relation "products" already exists\.$/)
  t.same((await pool.query("SELECT to_regclass('larder_migrations.applied') AS found")).rows, [{ found: null }])
})

root.test('after close, statements and transactions are 503', async (t) => {
  const { url } = await createDatabase(t)
  const database = await openDatabase(url('postgres'))
  await database.close()
  await t.rejects(database.checkState(), { code: 'LARDER_DATABASE_CLOSED' })
  await t.rejects(database.transaction(() => {}), { code: 'LARDER_DATABASE_CLOSED' })
})

root.test('a new database that is read-only is refused', async (t) => {
  const { pool, database, url } = await createDatabase(t)
  await (await openDatabase(url('postgres'))).close()
  await pool.query(`DELETE FROM larder.clock; ALTER DATABASE ${database} SET default_transaction_read_only = on`)
  t.match(await refusal(t, url('postgres')), /in a read-only transaction\. Use the primary, without default_transaction/)
})

root.test('a server that is starting is waited for', async (t) => {
  const answer = 'SFATAL\0C57P03\0Mthe database system is starting up\0\0'
  const message = Buffer.alloc(5 + answer.length)
  message.write('E')
  message.writeInt32BE(4 + answer.length, 1)
  message.write(answer, 5)
  let attempts = 0
  const server = createServer((socket) => {
    attempts++
    socket.once('data', () => socket.end(message))
    if (attempts === 2) server.close()
  }).listen(0, '127.0.0.1')
  await until('it listens', () => server.listening)
  const { port } = server.address() as { port: number }
  t.match(await refusal(t, `postgres://u@127.0.0.1:${port}/x?sslmode=disable`), /ECONNREFUSED/)
  t.equal(attempts, 2)
})
