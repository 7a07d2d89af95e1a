import createError from '@fastify/error'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import errors from '../../src/plugins/errors.ts'
import views from '../../src/plugins/views.ts'
import { testApp } from '../support/app.ts'

const SECRET = 'SELECT * FROM secrets'
const withStatus = (statusCode: number, code?: string) => Object.assign(new Error(SECRET), { statusCode, ...code !== undefined && { code } })

/** A service whose pages fail with this, and the lines that it logs. */
async function failing (t: Test, error: unknown) {
  const lines: Array<{ level: number, msg: string, err?: { message: string }, reason?: string }> = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await app.register(views)
  await app.register(errors)
  app.get('/products', async () => { throw error })
  app.get('/api/products', async () => { throw error })
  const ask = async (url: string, accept?: string) => await app.inject({ url, headers: { ...accept !== undefined && { accept } } })
  return { ask, lines }
}

t.test('an error of the service says what it has to say', async (t) => {
  const { ask, lines } = await failing(t, new (createError('LARDER_TEST', 'There is no <b> here.', 404))())
  const json = await ask('/api/products')
  t.equal(json.statusCode, 404)
  t.equal(json.headers['content-type'], 'application/json; charset=utf-8')
  t.same(json.json(), { statusCode: 404, code: 'LARDER_TEST', error: 'Not Found', message: 'There is no <b> here.' })
  const page = await ask('/products')
  t.equal(page.statusCode, 404)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  t.match(page.body, 'There is no &lt;b&gt; here.')
  t.match(page.body, 'Not Found')
  t.match(lines.find(({ msg }) => msg === 'request rejected'), { level: 30, code: 'LARDER_TEST', reason: 'There is no <b> here.' })
})

t.test('any other error says nothing of the inside', async (t) => {
  const cases: Array<[unknown, number, string, string]> = [
    [new Error(SECRET), 500, 'Internal Server Error', 'Something went wrong on our side.'],
    [Object.assign(new Error(SECRET), { code: 'SQLITE_ERROR' }), 500, 'Internal Server Error', 'Something went wrong on our side.'],
    [withStatus(503), 503, 'Service Unavailable', 'Something went wrong on our side.'],
    [withStatus(200), 500, 'Internal Server Error', 'Something went wrong on our side.'],
    [withStatus(302), 500, 'Internal Server Error', 'Something went wrong on our side.'],
    [withStatus(422), 422, 'Unprocessable Entity', 'The request could not be understood.'],
    [withStatus(499), 499, 'Error', 'The request could not be understood.'],
    [SECRET, 500, 'Internal Server Error', 'Something went wrong on our side.'],
    [{ message: SECRET }, 500, 'Internal Server Error', 'Something went wrong on our side.']
  ]
  for (const [thrown, statusCode, error, message] of cases) {
    const { ask } = await failing(t, thrown)
    const json = await ask('/api/products')
    t.equal(json.statusCode, statusCode)
    t.same(json.json(), { statusCode, error, message })
    const page = await ask('/products')
    t.equal(page.statusCode, statusCode)
    t.match(page.body, message)
    t.notMatch(page.body, /SELECT|node_modules|\.ts\b/)
  }
})

t.test('what went wrong is logged', async (t) => {
  const { ask, lines } = await failing(t, new Error(SECRET))
  await ask('/products')
  t.match(lines.find(({ msg }) => msg === 'request failed'), { level: 50, err: { message: SECRET, stack: String } })
})

t.test('an error is kept by nobody', async (t) => {
  const { ask } = await failing(t, new Error(SECRET))
  t.equal((await ask('/products')).headers['cache-control'], 'no-store')
  t.equal((await ask('/api/products')).headers['cache-control'], 'no-store')
  t.equal((await ask('/nothing')).headers['cache-control'], 'no-store')
})

t.test('pages answer in HTML, the API and everything else in JSON', async (t) => {
  const app = await testApp(t)
  const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
  const kinds: Array<[url: string, accept: string | undefined, html: boolean]> = [
    ['/?page=x', BROWSER, true], ['/?page=x', undefined, true], ['/?page=x', '*/*', true], ['/?page=x', 'application/json', false],
    ['/products/999/edit', BROWSER, true], ['/products/999/edit', '*/*', true], ['/products/999/edit', 'application/json', false],
    ['/apicalls/none', '*/*', true], ['/cache/none', '*/*', true],
    ['/api/products/99999', BROWSER, false], ['/api/products/99999', undefined, false], ['/api/none', BROWSER, false], ['/api/none', '*/*', false],
    ['/none', BROWSER, true], ['/none', '*/*', false], ['/none', undefined, false], ['/none', 'text/plain', false], ['/healthz/none', '*/*', false]
  ]
  for (const [url, accept, html] of kinds) {
    const response = await app.inject({ url, headers: { ...accept !== undefined && { accept } } })
    t.ok([400, 404].includes(response.statusCode), url)
    t.equal(String(response.headers['content-type']).split(';')[0], html ? 'text/html' : 'application/json', `${url} ${accept}`)
  }
})

t.test('what is not there is a 404 that repeats the path, as text, and not the query', async (t) => {
  const app = await testApp(t)
  const json = await app.inject({ method: 'POST', url: '/none/here?token=s3cret' })
  t.equal(json.statusCode, 404)
  t.same(json.json(), { statusCode: 404, error: 'Not Found', message: 'There is nothing at POST /none/here.' })
  const page = await app.inject({ url: '/products/<script>alert(1)</script>', headers: { accept: 'text/html' } })
  t.equal(page.statusCode, 404)
  t.match(page.body, 'There is nothing at GET /products/')
  t.notMatch(page.body, '<script')
  const long = await app.inject({ url: `/${'x'.repeat(1000)}` })
  t.equal(long.json().message, `There is nothing at GET /${'x'.repeat(199)}.`)
  t.equal((await app.inject({ method: 'HEAD', url: '/none' })).statusCode, 404)
})

t.test('what is thrown may be no error, or have no status that there is', async (t) => {
  for (const error of [null, withStatus(700, 'LARDER_TEST'), withStatus(200)]) {
    const { ask } = await failing(t, error)
    const answer = await ask('/api/products')
    t.equal(answer.statusCode, 500)
    if (error?.message !== undefined && !('code' in error)) t.notMatch(answer.body, SECRET)
  }
})

t.test('the words of errors that are neither ours nor those of Fastify stay inside', async (t) => {
  const { ask } = await failing(t, withStatus(400, 'SQLITE_ERROR'))
  t.same((await ask('/api/products')).json(), { statusCode: 400, error: 'Bad Request', message: 'The request could not be understood.' })
})
