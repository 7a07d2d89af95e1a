import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import Database from 'better-sqlite3'
import { EXPECTED, LEGEND } from './expected.ts'
import { PAGES, STATEMENTS } from './statements.ts'
import { type App, createDatabase, request, resetDatabase, startBlog } from './support.ts'

/*
 * Which pages become new after a statement, and which stay cached? The same statement runs on the connection of the
 * blog, on a second connection of its process, and in another program.
 */

const program = fork(new URL('other-program.ts', import.meta.url))
test.after(() => program.kill())

type Write = (sqlite: Database.Database, file: string, sql: string) => unknown

const WRITERS: Record<string, Write> = {
  'the connection of the blog': (sqlite, _file, sql) => sqlite.exec(sql),
  'a second connection': (_sqlite, file, sql) => {
    const second = new Database(file)
    second.exec(sql)
    second.close()
  },
  'another program': async (_sqlite, file, sql) => {
    program.send({ file, sql })
    await once(program, 'message')
  }
}

const urls = Object.values(PAGES)
const requestAll = async (app: App) => await Promise.all(urls.map((url) => request(app, url)))

/** A blog for each writer, on a database of its own. */
const blogs = Object.entries(WRITERS).map(([writer, write]) => {
  const file = createDatabase()
  return { writer, write, file, ...startBlog(file) }
})
test.after(() => Promise.all(blogs.map(({ app }) => app.close())))

/** Runs a statement while all pages are cached, and returns a letter of the legend for each page. */
async function observe ({ app, blog, file, write }: typeof blogs[number], sql: string): Promise<string[]> {
  resetDatabase(file)
  blog.sqlite.pragma('foreign_keys = ON') // a statement may have changed it
  const before = await requestAll(app)
  assert.ok((await requestAll(app)).every(({ isHit }) => isHit))
  await write(blog.sqlite, file, sql)
  const after = await requestAll(app)
  await app.larder.clear()
  const truth = await requestAll(app)
  assert.ok(truth.every(({ isHit }) => !isHit))
  return urls.map((_, i) => {
    if (after[i]!.body !== truth[i]!.body) return 'S'
    if (after[i]!.isHit) return '.'
    return before[i]!.body === truth[i]!.body ? 'o' : 'N'
  })
}

function formatRow (title: string, cells: readonly string[]): string {
  return [title.padEnd(32), ...cells.map((cell, i) => cell.padEnd(Object.keys(PAGES)[i]!.length))].join(' ').trimEnd()
}

test('each statement makes exactly the expected pages new', async (t) => {
  const rows = [formatRow('', Object.keys(PAGES))]
  for (const [title, sql] of Object.entries(STATEMENTS)) {
    await t.test(title, async () => {
      const [first, ...others] = await Promise.all(blogs.map((blog) => observe(blog, sql)))
      for (const [i, cells] of others.entries()) assert.deepEqual(cells, first, blogs[i + 1]!.writer)
      assert.ok(!first!.includes('S'), 'no page is stale')
      rows.push(formatRow(title, first!))
    })
  }
  const table = rows.join('\n')
  console.log(`${table}\n${LEGEND}`)
  assert.equal(table, EXPECTED)
})
