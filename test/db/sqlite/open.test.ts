import Sqlite from 'better-sqlite3'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { openDatabase, type SqliteDatabase } from '../../../src/db/index.ts'

const OPENER = fileURLToPath(new URL('fixtures/opener.ts', import.meta.url))

function open (t: Test, url: `file:${string}`, lockWaitMs?: number): SqliteDatabase {
  const database = openDatabase(url, lockWaitMs === undefined ? {} : { lockWaitMs })
  t.teardown(() => database.close())
  return database
}

/** A connection of another program. */
function connect (t: Test, path: string): Sqlite.Database {
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  return other
}

/** An empty folder for what is temporary. */
function temporaryFolder (t: Test): string {
  const before = process.env.TMPDIR
  t.teardown(() => { process.env.TMPDIR = before ?? '/tmp' })
  const folder = t.testdir({})
  process.env.TMPDIR = folder
  return folder
}

const countProducts = async (database: SqliteDatabase) =>
  (await database.sql.values<[number]>(sql`SELECT count(*) FROM products`))[0]![0]
const pragma = async (database: SqliteDatabase, name: string) =>
  (await database.sql.values(sql.raw(`PRAGMA ${name}`)))[0]![0]

/** The message of the error with which a database does not open, which must be one line with the URL. */
async function refusal (t: Test, url: `file:${string}`, lockWaitMs = 20): Promise<string> {
  try {
    await openDatabase(url, { lockWaitMs }).close()
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    t.equal(code, 'LARDER_DATABASE_OPEN')
    t.ok(message.startsWith(`Cannot open the DATABASE_URL ${url}: `), message)
    t.notMatch(message, '\n')
    return message
  }
  t.fail(`${url} opened`)
  return ''
}

t.test('openDatabase creates the file and its folders', async (t) => {
  const folder = t.testdir()
  const database = open(t, `file:${folder}/a/b c/larder.db`)
  t.equal(await countProducts(database), 0)
  t.ok(existsSync(`${folder}/a/b c/larder.db`))
})

t.test('openDatabase accepts relative paths and file URLs', async (t) => {
  const folder = t.testdir()
  const before = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(before))
  const first = openDatabase('file:relative.db')
  await first.transaction(() => first.sql.run(sql`INSERT INTO products (title, price) VALUES ('Tea', '1')`))
  await first.close()

  t.equal(await countProducts(open(t, pathToFileURL(join(folder, 'relative.db')).href as `file:${string}`)), 1)
  t.equal(await countProducts(open(t, `file:${folder}/relative.db`)), 1)
})

t.test('close deletes the folder of a private database', async (t) => {
  const folder = temporaryFolder(t)
  const one = openDatabase('file::memory:')
  const two = openDatabase('file::memory:')
  t.equal(readdirSync(folder).length, 2)
  await one.transaction(() => one.sql.run(sql`INSERT INTO products (title, price) VALUES ('Tea', '1')`))
  t.same([await countProducts(one), await countProducts(two)], [1, 0])
  await one.close()
  t.equal(readdirSync(folder).length, 1)
  await two.close()
  t.same(readdirSync(folder), [])
})

t.test('the file is in WAL mode, and the reader cannot write', async (t) => {
  const database = open(t, `file:${t.testdir()}/larder.db`)
  t.equal(await pragma(database, 'journal_mode'), 'wal')
  await t.rejects(database.sql.run(sql`DELETE FROM products`), { code: 'SQLITE_READONLY' })
  await database.transaction(async () => {
    t.equal(await pragma(database, 'foreign_keys'), 1)
    t.equal(await pragma(database, 'recursive_triggers'), 1)
    t.equal(await pragma(database, 'synchronous'), 1)
  })
})

t.test('the table products has its columns in the documented order', async (t) => {
  const path = `${t.testdir()}/larder.db`
  await openDatabase(`file:${path}`).close()
  const other = connect(t, path)
  other.exec(
    "INSERT INTO products VALUES (7, 'Tea', '1', '2026-01-01 10:00', '2026-01-01'); INSERT INTO products (title, " +
      "price) VALUES ('Jam', '2')"
  )
  t.match(other.prepare('SELECT * FROM products ORDER BY id').raw().all(), [
    [7, 'Tea', '1', '2026-01-01 10:00', '2026-01-01'],
    [8, 'Jam', '2', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/]
  ])
})

t.test('migrations run once', async (t) => {
  const path = `${t.testdir()}/larder.db`
  const first = openDatabase(`file:${path}`)
  await first.transaction(() => first.sql.run(sql`INSERT INTO products (title, price) VALUES ('Tea', '1')`))
  await first.close()
  const other = connect(t, path)
  const applied = () => other.prepare('SELECT hash, created_at FROM __drizzle_migrations').all()
  const before = applied()
  t.ok(before.length > 0)
  t.equal(await countProducts(open(t, `file:${path}`)), 1)
  t.same(applied(), before)
})

t.test('openDatabase opens an up-to-date file while another program writes', async (t) => {
  const path = `${t.testdir()}/larder.db`
  await openDatabase(`file:${path}`).close()
  const other = connect(t, path)
  other.exec("BEGIN IMMEDIATE; INSERT INTO products (title, price) VALUES ('Tea', '1')")
  const database = open(t, `file:${path}`, 20)
  t.equal(await countProducts(database), 0)
  other.exec('COMMIT')
  t.equal(await countProducts(database), 1)
})

t.test('concurrent processes can all open one new file', async (t) => {
  const folder = t.testdir()
  const children = Array.from({ length: 3 }, () => fork(OPENER))
  for (const child of children) t.teardown(() => child.disconnect())
  await Promise.all(children.map((child) => once(child, 'message')))

  for (let round = 1; round <= 10; round++) {
    const answers = children.map((child) => once(child, 'message'))
    for (const child of children) child.send(`file:${folder}/${round}/nested/larder.db`)
    t.same((await Promise.all(answers)).flat().filter((answer) => answer !== undefined), ['opened', 'opened', 'opened'])
  }
})

t.test('openDatabase throws one sentence if it cannot open', async (t) => {
  const folder = t.testdir({ 'text.txt': 'This is text.\n'.repeat(500), folder: {} })

  t.test('a path that the file system refuses', async (t) => {
    t.match(await refusal(t, 'file:/proc/nothing/larder.db'), /ENOENT/)
  })
  t.test('a folder', async (t) => {
    t.match(await refusal(t, `file:${folder}/folder`), /unable to open database file/)
  })
  t.test('a file below a file', async (t) => {
    t.match(await refusal(t, `file:${folder}/text.txt/larder.db`), /ENOTDIR|unable|directory/)
  })
  t.test('a file that is not a database', async (t) => {
    t.match(await refusal(t, `file:${folder}/text.txt`), /file is not a database/)
  })
  t.test('a link to nowhere', async (t) => {
    symlinkSync(`${folder}/nowhere`, `${folder}/link`)
    t.match(await refusal(t, `file:${folder}/link/larder.db`), /directory does not exist/)
  })
  t.test('a URL with a host', async (t) => {
    t.match(await refusal(t, 'file://example.com/larder.db'), /host/)
  })
  t.test('a table products of another application', async (t) => {
    const path = `${folder}/other.db`
    connect(t, path).exec('CREATE TABLE products (x)')
    t.match(await refusal(t, `file:${path}`), /table `products` already exists/)
  })
  t.test('migrations of another application', async (t) => {
    const path = `${folder}/notes.db`
    connect(t, path).exec('CREATE TABLE __drizzle_migrations (x)')
    t.match(await refusal(t, `file:${path}`), /no such column/)
  })
  t.test('a new file that another program has locked', async (t) => {
    const path = `${folder}/locked.db`
    const other = connect(t, path)
    other.exec('CREATE TABLE x (y); BEGIN IMMEDIATE')
    t.match(await refusal(t, `file:${path}`), /database is busy/)
    other.exec('COMMIT')
    t.equal(await countProducts(open(t, `file:${path}`)), 0)
  })
})

t.test('a private database that fails to open leaves no folder', async (t) => {
  const folder = temporaryFolder(t)
  // SQLite opens no path of more than 512 characters.
  const long = join(folder, ...Array(3).fill('x'.repeat(200)))
  mkdirSync(long, { recursive: true })
  process.env.TMPDIR = long
  t.match(await refusal(t, 'file::memory:'), /unable to open database file/)
  t.same(readdirSync(long), [])
  process.env.TMPDIR = `${folder}/missing`
  t.match(await refusal(t, 'file::memory:'), /ENOENT/)
})
