import type { Test } from 'tap'
import { readTitles } from './html.ts'
import { listTiming, type SetUp } from './service.ts'

export async function positions (t: Test, setUp: SetUp): Promise<void> {
  t.test('the header Link of the list leads to the products after a page', async (t) => {
    const { get } = await setUp()
    const titles: string[] = []
    let url: string | undefined = '/api/products?limit=2'
    for (let pages = 0; url !== undefined; pages++) {
      t.ok(pages < 2)
      const response = await get(url)
      const { items, total } = response.json()
      t.equal(total, 3)
      titles.push(...items.map(({ title }: { title: string }) => title))
      url = /^<(\/api\/products\?[^>]*after=[^>]+)>; rel="next"$/.exec(String(response.headers.link))?.[1]
    }
    t.same(titles, ['c', 'b', 'a'])
  })

  t.test('the page / lists the products after a position, and a wrong position is 400', async (t) => {
    const { get } = await setUp()
    const after = /after=([^>]+)>/.exec(String((await get('/api/products?limit=2')).headers.link))?.[1]
    const response = await get(`/?page=2&after=${after}`)
    t.equal(response.statusCode, 200)
    t.same(readTitles(response.body), ['a'])
    t.equal(listTiming(response), undefined, 'only the first page is cached')
    t.equal((await get('/?page=2&after=none_0')).headers.location, '/', 'nothing follows')
    for (const after of ['', 'none', '1', 'none_', '_1', 'none_1;', '1E5_1', '%D9%A3_1', 'none_1%0A', 'Infinity_1']) {
      for (const path of ['/api/products', '/']) {
        t.equal((await get(`${path}?after=${after}`)).statusCode, 400, after)
      }
    }
  })
}
