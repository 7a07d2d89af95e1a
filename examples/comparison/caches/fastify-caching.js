import caching from '@fastify/caching'
import abstractCache from 'abstract-cache'
import { Redis } from 'ioredis'

export function addRoutes (app, { redis, ttl, readPosts }) {
  const client = new Redis(redis).on('error', () => {})
  const driver = { name: 'abstract-cache-redis', options: { client } }
  app.register(caching, { cache: abstractCache({ useAwait: true, driver }) })
  app.get('/posts', async () => {
    const stored = await app.cache.get('posts')
    if (stored !== null) return stored.item
    const posts = await readPosts()
    await app.cache.set('posts', posts, parseInt(ttl) * 1000)
    return posts
  })
}
