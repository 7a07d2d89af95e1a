import t from 'tap'
import { isRedisUrl, parseRedisGroup } from '../../src/larder/redis-url.ts'

t.test('parseRedisGroup reads sentinels, the name of their master, the database and the login', async (t) => {
  t.same(parseRedisGroup('redis-sentinel://a:1,b.example,[::1]:3/2?master=shop'), {
    kind: 'sentinel',
    addresses: [{ host: 'a', port: 1 }, { host: 'b.example', port: 26_379 }, { host: '::1', port: 3 }],
    username: undefined,
    password: undefined,
    db: 2,
    master: 'shop'
  })
  t.match(parseRedisGroup('redis-sentinel://me:p%40ss%3Aword@a?master=my%20shop'), {
    username: 'me', password: 'p@ss:word', db: 0, master: 'my shop'
  })
})

t.test('parseRedisGroup reads the nodes of a cluster and the login', async (t) => {
  t.same(parseRedisGroup('redis-cluster://:secret@a:7000,b'), {
    kind: 'cluster',
    addresses: [{ host: 'a', port: 7000 }, { host: 'b', port: 6379 }],
    username: undefined,
    password: 'secret',
    db: 0,
    master: undefined
  })
  t.match(parseRedisGroup('redis-cluster://a/0'), { db: 0 })
})

t.test('isRedisUrl accepts no other texts', async (t) => {
  for (const url of [
    'redis://a', 'redis://a:1/', 'rediss://me:p%40ss%25@a:1/15', 'redis://[::1]:6379/0', 'unix:///run/redis.sock',
    'unix:///run/redis.sock?db=3', 'redis-cluster://a', 'redis-cluster://a,b/', 'redis-sentinel://a/?master=b'
  ]) t.ok(isRedisUrl(url), url)
  for (const url of [
    '', 'a', 'redis://', 'redis://a/one', 'redis://a/1/2', 'redis://a?commandTimeout=1', 'http://a', 'unix://run/redis.sock',
    'unix:///run/redis.sock?db=a', 'unix:///run/redis.sock?db=1&family=6', 'redis-sentinel://a', 'redis-sentinel://a?master=',
    'redis-sentinel://a?master=b&family=6', 'redis-sentinel://a?name=b', 'redis-sentinel://?master=b',
    'redis-sentinel://a:b?master=c', 'redis-sentinel://a,?master=b', 'redis-sentinel://a/b?master=c',
    'redis-sentinel://%@a?master=b', 'redis-cluster://', 'redis-cluster://a/1', 'redis-cluster://a?master=b',
    'redis-cluster://a:99999', 'redis-cluster://a/b', 'redis-other://a', 'redis-cluster://a b@c@d',
    'redis://:%@a', 'rediss://%zz:secret@a/1', 'redis://a/1#b', ' redis://a', 'redis://a/1 ', 'redis://a\n/1', 'redis:a',
    'rediss:', 'redis:/a', 'redis:///a', 'redis://:secret@', 'unix:a', 'unix:///a b', '/run/redis.sock', '/',
    'redis://a?commandTimeout=60000&enableOfflineQueue=true', 'redis-cluster://a, b'
  ]) t.notOk(isRedisUrl(url), url)
})
