import { createKeyvNonBlocking } from '@keyv/redis'
import { Cacheable } from 'cacheable'

export function addRoutes (app, { redis, ttl, readPosts }) {
  const cache = new Cacheable({ secondary: createKeyvNonBlocking(redis), nonBlocking: true })
  cache.on('error', () => {})
  app.get('/posts', () => cache.getOrSet('posts', readPosts, { ttl, throwErrors: true }))
}
