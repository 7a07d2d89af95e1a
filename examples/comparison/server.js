import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import Fastify from 'fastify'

/* Serves the page `/posts` with one of the caches. Arguments: its name, the database, the URL of Redis, the ttl. */

const [name, database, redis, ttl] = process.argv.slice(2)
const sqlite = new Database(database)

/** Takes a while, writes a line for each call, and fails while there is a file that says so. */
async function readPosts () {
  appendFileSync(`${database}.loads`, 'load\n')
  await sleep(500)
  if (existsSync(`${database}.fail`)) throw new Error('The database is away.')
  return sqlite.prepare('SELECT id, title FROM posts').all()
}

const { addRoutes } = await import(`./caches/${name}.js`)
const app = Fastify()
addRoutes(app, { sqlite, redis, ttl, readPosts })
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
