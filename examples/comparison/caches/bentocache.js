import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'

export function addRoutes (app, { redis, ttl, readPosts }) {
  const { hostname: host, port } = new URL(redis)
  const connection = { host, port: Number(port) }
  const posts = bentostore().useL1Layer(memoryDriver({ maxItems: 1_000 }))
    .useL2Layer(redisDriver({ connection })).useBus(redisBusDriver({ connection }))
  const bento = new BentoCache({ default: 'posts', stores: { posts }, grace: '1h' })
  app.get('/posts', () => bento.getOrSet({ key: 'posts', factory: readPosts, ttl }))
}
