import Fastify from 'fastify'
import t from 'tap'
import { checkToken, requireToken } from '../../src/access/require-token.ts'

const TOKEN = 's3cret:!~'
const bearer = (token: string) => `Bearer ${token}`
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

async function request (token: string | undefined, authorization: string | undefined) {
  const app = Fastify()
  app.get('/', { onRequest: requireToken(token) }, async () => 'inside')
  const response = await app.inject({ url: '/', headers: { ...authorization !== undefined && { authorization } } })
  await app.close()
  return response
}

t.test('clients send the token as a bearer token, or as the password of Basic authentication', async (t) => {
  for (const authorization of [
    bearer(TOKEN), `bearer ${TOKEN}`, basic('', TOKEN), basic('anybody', TOKEN), `BASIC${basic('a', TOKEN).slice(5)}`
  ]) {
    const response = await request(TOKEN, authorization)
    t.equal(response.statusCode, 200, authorization)
    t.equal(response.body, 'inside')
  }
})

t.test('a wrong or missing token is rejected with 401, and the response does not reveal it', async (t) => {
  for (const authorization of [
    undefined, '', 'Bearer', 'Bearer ', bearer('wrong'), bearer(`${TOKEN}x`), bearer(TOKEN.slice(0, -1)),
    TOKEN, `Token ${TOKEN}`,
    'Basic', 'Basic !', basic(TOKEN, ''), basic(TOKEN, 'wrong'), basic('', `${TOKEN} `),
    bearer(basic('', TOKEN).slice(6))
  ]) {
    const response = await request(TOKEN, authorization)
    t.equal(response.statusCode, 401, String(authorization))
    t.equal(response.headers['www-authenticate'], 'Basic realm="Larder", charset="UTF-8"')
    t.match(response.json(), { code: 'FST_ERR_LARDER_TOKEN', message: /^This request requires the token/ })
    t.notMatch(response.body, /inside|s3cret/)
  }
})

t.test('without a token, every request is rejected', async (t) => {
  for (const authorization of [undefined, 'Bearer', bearer(''), bearer('undefined'), basic('', ''), basic('a', 'a')]) {
    const response = await request(undefined, authorization)
    t.equal(response.statusCode, 401, String(authorization))
    t.match(response.json(), { code: 'FST_ERR_LARDER_TOKEN', message: /Set the option token\.$/ })
    t.notOk('www-authenticate' in response.headers, 'a browser does not show a dialog that cannot succeed')
  }
})

t.test('checkToken refuses tokens that are no text or empty, e.g. a variable that is set to nothing', async (t) => {
  for (const token of ['', null, 5, false, ['a'], 'two words', 'pässwort', ' ', ' a', 'a\n']) {
    t.throws(() => checkToken(token), {
      code: 'FST_ERR_LARDER_OPTION',
      message: 'The option token must be a text of ASCII characters without white space, and not empty.'
    })
  }
  checkToken(undefined)
  checkToken('a')
})
