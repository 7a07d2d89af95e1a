import createError from '@fastify/error'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import {
  DatabaseBusyError, DatabaseClosedError, DatabaseFullError, DatabaseLostError, DatabaseReadOnlyError,
  DatabaseWorkerError, OverloadedError, TransactionTimeoutError, UpstreamBusyError, UpstreamError,
  UpstreamTimeoutError
} from '../../src/errors.ts'
import errors from '../../src/plugins/errors.ts'
import views from '../../src/plugins/views.ts'
import { testApp } from '../support/app.ts'

const SECRET = 'SELECT * FROM secrets'
const GENERIC = 'Something went wrong on our side.'
const withStatus = (statusCode: number, code?: string) => {
  return Object.assign(new Error(SECRET), { statusCode, ...code !== undefined && { code } })
}

/** A service whose routes throw this error, and the lines that it logs. */
async function failingApp (t: Test, error: unknown) {
  const lines: Array<{ level: number, msg: string, err?: { message: string }, reason?: string }> = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'info', stream } })
  t.teardown(() => app.close())
  await app.register(views)
  await app.register(errors)
  app.get('/products', async () => { throw error })
  app.post('/products', async () => { throw error })
  app.get('/api/products', async () => { throw error })
  const get = async (url: string, accept?: string) => {
    return await app.inject({ url, headers: { ...accept !== undefined && { accept } } })
  }
  return { app, get, lines }
}

t.test('the message of an error of the service is sent to the client', async (t) => {
  const { get, lines } = await failingApp(t, new (createError('LARDER_TEST', 'There is no <b> here.', 404))())
  const json = await get('/api/products')
  t.equal(json.statusCode, 404)
  t.equal(json.headers['content-type'], 'application/json; charset=utf-8')
  t.same(json.json(), { statusCode: 404, code: 'LARDER_TEST', error: 'Not Found', message: 'There is no <b> here.' })
  const page = await get('/products')
  t.equal(page.statusCode, 404)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  t.match(page.body, 'There is no &lt;b&gt; here.')
  t.match(page.body, 'Not Found')
  const line = lines.find(({ msg }) => msg === 'request rejected')
  t.match(line, { level: 30, code: 'LARDER_TEST', reason: 'There is no <b> here.' })
})

t.test('all other errors are sent with a generic message', async (t) => {
  const cases: Array<[unknown, number, string, string]> = [
    [new Error(SECRET), 500, 'Internal Server Error', GENERIC],
    [Object.assign(new Error(SECRET), { code: 'SQLITE_ERROR' }), 500, 'Internal Server Error', GENERIC],
    [withStatus(503), 503, 'Service Unavailable', GENERIC],
    [withStatus(200), 500, 'Internal Server Error', GENERIC],
    [withStatus(302), 500, 'Internal Server Error', GENERIC],
    [withStatus(422), 422, 'Unprocessable Entity', 'The request could not be understood.'],
    [withStatus(499), 499, 'Error', 'The request could not be understood.'],
    [SECRET, 500, 'Internal Server Error', GENERIC],
    [{ message: SECRET }, 500, 'Internal Server Error', GENERIC]
  ]
  for (const [thrown, statusCode, error, message] of cases) {
    const { get } = await failingApp(t, thrown)
    const json = await get('/api/products')
    t.equal(json.statusCode, statusCode)
    t.same(json.json(), { statusCode, error, message })
    const page = await get('/products')
    t.equal(page.statusCode, statusCode)
    t.match(page.body, message)
    t.notMatch(page.body, /SELECT|node_modules|\.ts\b/)
  }
})

t.test('an unexpected error is logged with its stack', async (t) => {
  const { get, lines } = await failingApp(t, new Error(SECRET))
  await get('/products')
  t.match(lines.find(({ msg }) => msg === 'request failed'), { level: 50, err: { message: SECRET, stack: String } })
})

t.test('an error is sent with Cache-Control: no-store', async (t) => {
  const { get } = await failingApp(t, new Error(SECRET))
  t.equal((await get('/products')).headers['cache-control'], 'no-store')
  t.equal((await get('/api/products')).headers['cache-control'], 'no-store')
  t.equal((await get('/nothing')).headers['cache-control'], 'no-store')
})

t.test('errors are HTML at the paths of pages and for browsers, and JSON in the API and elsewhere', async (t) => {
  const app = await testApp(t)
  const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
  const kinds: Array<[url: string, accept: string | undefined, html: boolean]> = [
    ['/?page=x', BROWSER, true],
    ['/?page=x', undefined, true],
    ['/?page=x', '*/*', true],
    ['/?page=x', 'application/json', false],
    ['/products/999/edit', BROWSER, true],
    ['/products/999/edit', '*/*', true],
    ['/products/999/edit', 'application/json', false],
    ['/apicalls/none', '*/*', true],
    ['/api/products/99999', BROWSER, false],
    ['/api/products/99999', undefined, false],
    ['/api/none', BROWSER, false],
    ['/api/none', '*/*', false],
    ['/none', BROWSER, true],
    ['/none', '*/*', false],
    ['/none', undefined, false],
    ['/none', 'text/plain', false],
    ['/healthz/none', '*/*', false]
  ]
  for (const [url, accept, html] of kinds) {
    const response = await app.inject({ url, headers: { ...accept !== undefined && { accept } } })
    t.ok([400, 404].includes(response.statusCode), url)
    const [type] = String(response.headers['content-type']).split(';')
    t.equal(type, html ? 'text/html' : 'application/json', `${url} ${accept}`)
  }
})

t.test('a 404 names the path, escaped and without the query', async (t) => {
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

t.test('a thrown value that is not an error, or has an invalid status, is a 500', async (t) => {
  for (const error of [null, withStatus(700, 'LARDER_TEST'), withStatus(200)]) {
    const { get } = await failingApp(t, error)
    const response = await get('/api/products')
    t.equal(response.statusCode, 500)
    if (error?.message !== undefined && !('code' in error)) t.notMatch(response.body, SECRET)
  }
})

t.test('the message of an error of another library is not sent, even with status 400', async (t) => {
  const { get } = await failingApp(t, withStatus(400, 'SQLITE_ERROR'))
  const message = 'The request could not be understood.'
  t.same((await get('/api/products')).json(), { statusCode: 400, error: 'Bad Request', message })
})

t.test('each 503 has Retry-After, and no other error has', async (t) => {
  const seconds = async (error: Error) => (await (await failingApp(t, error)).get('/products')).headers['retry-after']
  t.equal(await seconds(new DatabaseBusyError()), '1')
  t.equal(await seconds(new DatabaseWorkerError()), '1')
  t.equal(await seconds(new DatabaseClosedError()), '5')
  t.equal(await seconds(new OverloadedError()), '5')
  t.equal(await seconds(new TransactionTimeoutError(10)), '5')
  t.equal(await seconds(new UpstreamBusyError(7)), '5')
  t.equal(await seconds(new DatabaseReadOnlyError()), '30')
  t.equal(await seconds(new DatabaseFullError()), '60')
  t.equal(await seconds(new DatabaseLostError()), '60')
  t.equal(await seconds(withStatus(503)), '10')
  t.equal(await seconds(withStatus(500)), undefined)
  t.equal(await seconds(new UpstreamError('is away')), undefined)
})

t.test('the page of a failure offers to try again, and that of a rejected request does not', async (t) => {
  const RETRY = '<a class="button" href="">Try again</a>'
  for (const error of [new UpstreamError('is away'), new UpstreamTimeoutError(7), new UpstreamBusyError(7), SECRET]) {
    const { app, get } = await failingApp(t, error)
    t.ok((await get('/products')).body.includes(RETRY))
    const submitted = await app.inject({ method: 'POST', url: '/products' })
    t.notOk(submitted.body.includes(RETRY), 'an address to which a form was sent cannot be loaded')
    t.match(submitted.body, 'Back button')
  }
  const { get } = await failingApp(t, withStatus(400))
  t.notMatch((await get('/products')).body, /Try again|Back button/)
})
