import larder from 'fastify-larder'
import { sqliteClock } from 'fastify-larder/sqlite'

export function addRoutes (app, { sqlite, redis, ttl, readPosts }) {
  const clock = sqliteClock(sqlite)
  clock.watch(sqlite)
  app.register(larder, { clock, redis })
  app.get('/posts', { config: { cachePage: { ttl, staleIfError: '1h' } } }, () => readPosts())
}
