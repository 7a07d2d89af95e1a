import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { LarderOptions } from 'fastify-larder'
import { buildApp } from '../app.ts'
import { openDatabase } from '../database.ts'
import { seed } from '../seed.ts'

const folder = mkdtempSync(join(tmpdir(), 'blog-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const seeded = join(folder, 'seeded.db')
const blog = openDatabase(seeded)
seed(blog)
blog.close()

let files = 0

/** Returns the path of a new database with three posts. */
export function createDatabase (): string {
  const file = join(folder, `${++files}.db`)
  copyFileSync(seeded, file)
  return file
}

const TABLES = ['post_tags', 'comments', 'posts', 'tags', 'authors', 'visits']

/** Gives a database the rows that it had first. */
export function resetDatabase (file: string): void {
  const sqlite = new Database(file)
  sqlite.pragma('foreign_keys = OFF')
  sqlite.prepare('ATTACH ? AS seeded').run(seeded)
  sqlite.transaction(() => {
    for (const table of TABLES) sqlite.exec(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM seeded.${table}`)
  })()
  sqlite.close()
}

/** Starts the blog on a database, as one process does. */
export function startBlog (file: string, redis?: LarderOptions['redis']) {
  const blog = openDatabase(file)
  const app = buildApp(blog, { secret: 'a secret of more than 32 characters', redis })
  app.addHook('onClose', async () => blog.close())
  return { app, blog }
}

export type App = ReturnType<typeof startBlog>['app']

/** Requests a page, and returns whether it was served from the cache. */
export async function request (app: App, url: string, headers: Record<string, string> = {}) {
  const response = await app.inject({ url, headers })
  const status = String(response.headers['cache-status'])
  return { body: response.body, code: response.statusCode, isHit: status.startsWith('larder; hit'), status }
}
