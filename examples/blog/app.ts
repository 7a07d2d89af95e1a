import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import session from '@fastify/session'
import Fastify from 'fastify'
import larder, { type LarderOptions } from 'fastify-larder'
import { accounts } from './accounts.ts'
import type { Blog } from './database.ts'
import { pages } from './pages.ts'

interface Options extends Pick<LarderOptions, 'redis'> {
  /** Signs the cookies of sessions. At least 32 characters. */
  secret: string
}

export function buildApp (blog: Blog, { secret, redis }: Options) {
  const app = Fastify()
  app.register(cookie)
  app.register(session, { secret, saveUninitialized: false, cookie: { secure: 'auto', sameSite: 'lax' } })
  app.register(formbody)
  app.register(larder, { clock: blog.clock, redis, ttl: '5m' })
  app.register(accounts, blog)
  app.register(pages, blog)
  return app
}
