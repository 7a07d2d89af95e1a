import { randomBytes } from 'node:crypto'
import { buildApp } from './app.ts'
import { openDatabase } from './database.ts'
import { seed } from './seed.ts'

const { DATABASE = 'blog.db', SESSION_SECRET = randomBytes(32).toString('hex'), REDIS_URL, PORT = '3000' } = process.env
const blog = openDatabase(DATABASE)
seed(blog)
const app = buildApp(blog, { secret: SESSION_SECRET, redis: REDIS_URL })
app.addHook('onClose', async () => blog.close())
console.log(`The blog is at ${await app.listen({ port: Number(PORT) })}`)
