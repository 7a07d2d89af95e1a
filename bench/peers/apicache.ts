import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'
import { peer } from './peer.ts'

/* A middleware of Express, set up as in its README. It supports node-redis up to version 3 (its issue 243). */

interface Response { type (type: string): Response, send (body: string): void }
type Middleware = (request: unknown, response: Response, next: () => void) => void
interface Express {
  get (url: string, ...handlers: Middleware[]): void
  listen (port: number, host: string, listening: () => void): Server
}
interface Apicache { options (options: { redisClient?: unknown }): Apicache, middleware (duration: string): Middleware }

const { default: express } = await peer<{ default: () => Express }>('express')
const { default: apicache } = await peer<{ default: Apicache }>('apicache')
const { default: redis } = await peer<{ default: { createClient (url: string): unknown } }>('redis')

const [, , store, url] = process.argv as [string, string, string, string]
const cache = apicache.options(store === 'redis' ? { redisClient: redis.createClient(url) } : {})
const app = express()
app.get('/page', cache.middleware('1 hour'), (_request, response) => {
  countRun()
  response.type(HTML).send(PAGE)
})

const server = app.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
