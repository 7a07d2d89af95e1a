import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { readTitles } from './html.ts'
import type { Service, SetUp } from './service.ts'

/** Reads the confirmation of a page, without its tags. */
function readNotice (html: string): string | undefined {
  const [, notice] = /<div class="notice">([^]*?)<\/div>/.exec(html) ?? []
  return notice?.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ').trim()
}

/** Follows the redirect of a form with the cookie that it set, as browsers do. */
async function follow ({ get }: Service, response: LightMyRequestResponse): Promise<LightMyRequestResponse> {
  const cookie = String(response.headers['set-cookie']).split(';', 1)[0]!
  return await get(String(response.headers.location).split('#', 1)[0]!, { cookie: `other=1; ${cookie}` })
}

/** Reads the fields of the form that undoes a deletion. */
function readHidden (html: string): Record<string, string> {
  return Object.fromEntries(Array.from(
    html.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g), ([, name, value]) => [name!, value!]))
}

export async function confirmations (t: Test, setUp: SetUp): Promise<void> {
  t.test('each change is confirmed once, to its own client', async (t) => {
    const service = await setUp()
    const { submit, get } = service
    const doubt = (price: string) => `Its price “${price}” does not look like one. Change the price`
    const steps: Array<[url: string, fields: Record<string, string>, notice: string]> = [
      ['/products', { title: '<Rye>', price: '2,50 €' }, 'Added “&lt;Rye&gt;”.'],
      ['/products/1', { title: 'A', price: '3' }, 'Saved “A”.'],
      ['/products/1', { title: 'A', price: 'abc' }, `Saved “A”. ${doubt('abc')}`],
      ['/products', { title: 'B', price: '-1' }, `Added “B”. ${doubt('-1')}`],
      ['/products/2/delete', {}, 'Deleted “b”. Undo'],
      ['/products/2/delete', {}, 'This product had been deleted already.']
    ]
    for (const [url, fields, notice] of steps) {
      const page = await follow(service, await submit(url, fields))
      t.equal(readNotice(page.body), notice)
      t.equal(page.headers['cache-control'], 'no-store')
      t.match(page.headers['set-cookie'], 'larder_notice=; Max-Age=0; ', 'not shown again')
      const other = await get('/')
      t.equal(readNotice(other.body), undefined, 'nobody else reads it')
      t.notOk('set-cookie' in other.headers)
    }
  })

  t.test('a deletion is undone, and the product returns to its place in the list', async (t) => {
    const service = await setUp()
    const { submit, send } = service
    await send('PATCH', '/api/products/2', { title: 'Tea' })
    await send('POST', '/api/products', { title: 'd', price: '1' })
    const page = await follow(service, await submit('/products/2/delete'))
    t.same(readTitles(page.body), ['d', 'c', 'a'])
    const undone = await submit('/products/undo', readHidden(page.body))
    t.match(undone.headers.location, /^\/#product-\d+$/)
    const list = await follow(service, undone)
    t.same(readTitles(list.body), ['d', 'Tea', 'c', 'a'], 'after d, which is newer')
    t.equal(readNotice(list.body), '“Tea” is in the list again.')
  })

  t.test('what another program stored and the service would not store is deleted without Undo', async (t) => {
    const service = await setUp()
    await service.other.insert([{ title: 'x'.repeat(5_000), price: ' ' }])
    const response = await service.submit('/products/4/delete')
    t.ok(String(response.headers['set-cookie']).length < 4_096, 'no longer than browsers accept')
    t.equal(readNotice((await follow(service, response)).body), `Deleted “${'x'.repeat(200)}”.`)
  })

  t.test('an altered cookie shows nothing, and an altered form of Undo cannot choose the future', async (t) => {
    const { get, submit, rows } = await setUp()
    const wrong = Buffer.from('{"kind":"saved","id":1,"title":1}').toString('base64url')
    for (const value of ['e30', 'x', wrong, '%00', '']) {
      const page = await get('/', { cookie: `larder_notice=${value}` })
      t.equal(page.statusCode, 200)
      t.equal(readNotice(page.body), undefined, value)
    }
    for (const created of ['2999-01-01T00:00:00.000Z', '2026-99-99T00:00:00.000Z']) {
      await submit('/products/undo', { title: 'x', price: '1', created })
    }
    t.same((await rows()).slice(3).map(({ created }) => created), Array(2).fill('2026-01-01T00:00:00.000Z'))
    t.equal((await submit('/products/undo', { title: 'x', price: '1', created: 'soon' })).statusCode, 400)
    t.equal((await submit('/products/undo', { title: ' ', price: '1' })).statusCode, 400)
  })

  t.test('forms return to the page of the list that they came from, and to no other site', async (t) => {
    const { get, submit, send } = await setUp()
    const created = await send('POST', '/api/products', Array(150).fill({ title: 'x', price: '1' }))
    const ids: number[] = created.json().ids
    const first = await get('/')
    const next = /rel="next" href="([^"]*)"/.exec(first.body)![1]!.replace('&amp;', '&').slice(1)
    for (const query of ['?page=2', next]) {
      const list = await get(`/${query}`)
      const escaped = query.replace('&', '&amp;')
      t.ok(list.body.includes(`href="/products/1/edit${escaped}"`))
      t.ok(list.body.includes(`action="/products/1/delete${escaped}"`))
      const edit = await get(`/products/1/edit${query}`)
      t.ok(edit.body.includes(`action="/products/1${escaped}"`))
      t.ok(edit.body.includes(`href="/${escaped}#product-1"`), 'Cancel')
      const saved = await submit(`/products/1${query}`, { title: 'a', price: '1' })
      t.equal(saved.headers.location, `/${query}#product-1`)
      t.equal((await submit(`/products/${ids.pop()}/delete${query}`)).headers.location, `/${query}#notice`)
      t.equal((await submit(`/products/1${query}`, { title: '' })).statusCode, 400)
    }
    for (const query of ['?page=//evil.example', '?after=//evil.example', '?page=0', '?page=1&page=2']) {
      t.match((await submit(`/products/1${query}`, { title: 'a', price: '1' })).headers.location, '/#product-1')
    }
  })

  t.test('the address of each form can be loaded', async (t) => {
    const { get } = await setUp()
    t.equal((await get('/products?page=2')).headers.location, '/?page=2')
    t.equal((await get('/products/1/delete')).headers.location, '/')
    t.equal((await get('/products/undo')).headers.location, '/')
    t.equal((await get('/products/1?page=2')).headers.location, '/products/1/edit?page=2')
  })

  t.test('the form of a product warns about its price', async (t) => {
    const { get, send } = await setUp()
    t.notMatch((await get('/products/1/edit')).body, 'does not look like a price')
    await send('PATCH', '/api/products/1', { price: 'abc' })
    t.match((await get('/products/1/edit')).body, 'This does not look like a price')
  })
}
