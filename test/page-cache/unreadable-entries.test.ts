import t from 'tap'
import { encodeValue } from '../../src/cache/entry/codec.ts'
import { listen } from '../support/record-events.ts'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a foreign value under the key of a page is treated as a miss', async (t) => {
      const { app, cache, store, clock } = await createTestApp(t, 300, undefined, { store: makeStore })
      const listener = listen(t, cache)
      await app.inject('/page')
      const { key } = listener.events.find(({ type }) => type === 'set') as { key: string }
      for (const [i, value] of [
        new Uint8Array([0xc1]), encodeValue('x'), encodeValue({ body: Buffer.of(0) })
      ].entries()) {
        await store.set(key, {
          payload: value, storedAt: clock.now(), freshUntil: Infinity, staleUntil: Infinity, tags: [], stamp: ''
        })
        const next = await app.inject('/page')
        t.equal(next.body, `call ${i + 2}`)
        t.match(String(next.headers['cache-status']), 'larder; fwd=miss; stored; ttl=300; detail=corrupt')
      }
    })
  })
}

t.test('a stored response that cannot be sent fails its own request only, on any store', async (t) => {
  for (const makeStore of Object.values(stores)) {
    const { app, store } = await createTestApp(t, 300, undefined, { store: makeStore })
    await app.inject('/page')
    const spoilt = <T>(entry: T): T => entry && {
      ...entry,
      payload: encodeValue({
        status: 200, headers: { 'bad name': 'x' }, body: Buffer.from('x'), etag: '"x"', age: 0, varyValues: []
      })
    }
    const { get, acquire } = store
    store.get = async (key) => spoilt(await get(key))
    if (acquire !== undefined) store.acquire = async (key, seen) => spoilt(await acquire(key, seen))
    t.equal((await app.inject('/page')).statusCode, 500)
  }
})
