import assert from 'node:assert/strict'
import test from 'node:test'
import { PAGES } from './statements.ts'
import { type App, createDatabase, request, startBlog } from './support.ts'

/* A page for a visitor who is logged in is never stored, and never served to anybody else. */

const urls = [...Object.values(PAGES), '/me']

function start (t: test.TestContext): App {
  const { app } = startBlog(createDatabase())
  t.after(() => app.close())
  return app
}

async function logIn (app: App, name: string): Promise<Record<string, string>> {
  const response = await app.inject({ method: 'POST', url: '/login', payload: { name, password: 'secret' } })
  assert.equal(response.statusCode, 303)
  const { name: cookie, value } = response.cookies[0]!
  return { cookie: `${cookie}=${encodeURIComponent(value)}` }
}

test('visitors who are logged in get their own pages, and others get none of them', async (t) => {
  const app = start(t)
  const ann = await logIn(app, 'ann')
  const bob = await logIn(app, 'bob')
  for (const round of ['first', 'second']) {
    for (const [name, headers] of Object.entries({ ann, bob })) {
      for (const url of urls) {
        const { body, isHit, status } = await request(app, url, headers)
        if (body.includes('<nav>')) assert.match(body, new RegExp(`Hello, ${name}!`), `${url}, ${round} time`)
        assert.equal(isHit, false, `${url} for ${name}: ${status}`)
      }
    }
    for (const url of urls) assert.doesNotMatch((await request(app, url)).body, /Hello|You are/, url)
  }
})

test('visitors who are not logged in share one copy, whatever else their cookies are', async (t) => {
  const app = start(t)
  for (const url of Object.values(PAGES)) {
    await request(app, url)
    assert.equal((await request(app, url, { cookie: 'consent=yes; _ga=1' })).isHit, true, url)
  }
})

test('a cookie that is expired or forged gets no page of a session', async (t) => {
  const app = start(t)
  const ann = await logIn(app, 'ann')
  await request(app, '/me', ann)
  await app.inject({ method: 'POST', url: '/logout', headers: ann })
  for (const cookie of [ann.cookie!, ann.cookie!.replace(/.$/, 'x'), 'sessionId=', 'sessionId=a; sessionId=b']) {
    assert.equal((await request(app, '/me', { cookie })).code, 303)
    assert.doesNotMatch((await request(app, '/', { cookie })).body, /Hello/)
  }
})

test('a comment is on the page that its author is sent to, and on that of others', async (t) => {
  const app = start(t)
  const headers = await logIn(app, 'ann')
  for (const url of ['/posts/1', '/posts/1/comments', '/popular']) await request(app, url)
  const payload = { body: 'Try <rye>.' }
  const response = await app.inject({ method: 'POST', url: '/posts/1/comments', headers, payload })
  assert.equal(response.headers.location, '/posts/1')
  for (const cookies of [headers, {}]) {
    assert.match((await request(app, '/posts/1', cookies)).body, /Try &lt;rye&gt;\. \(ann\)/)
    assert.match((await request(app, '/posts/1/comments', cookies)).body, /Try <rye>/)
    assert.match((await request(app, '/popular', cookies)).body, /"comments":3/)
  }
})
