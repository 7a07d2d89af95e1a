import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { readJsonBodies } from '../../../src/plugins/json-bodies/index.ts'
import validation from '../../../src/plugins/validation.ts'

const MIB = 1024 * 1024
/** Bytes from which a body is parsed in a thread, and more. */
const LARGE = 40 * 1024

const item = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: { name: { type: 'string', minLength: 1 } }
}
const schema = { body: { anyOf: [item, { type: 'array', items: item, maxItems: 10_000 }] } }

async function echo (t: Test) {
  const app = Fastify({ bodyLimit: 8 * MIB })
  t.teardown(() => app.close())
  await app.register(validation)
  readJsonBodies(app)
  app.post('/', { schema }, async ({ body }) => ({ body }))
  app.delete('/', async ({ body }) => ({ body: body ?? null }))
  const send = async (payload: string | Buffer, method: 'POST' | 'DELETE' = 'POST', more = {}) => {
    const headers = { 'content-type': 'application/json', ...more }
    const { statusCode, body } = await app.inject({ method, url: '/', payload, headers })
    return { statusCode, ...JSON.parse(body) }
  }
  return { send }
}

t.test('a large body gets the same answer as a small one', async (t) => {
  const { send } = await echo(t)
  const texts = [
    '{"name":"x"}', '[]', '[{"name":"x"},{"name":"y"}]', '{"name":"\ufeff"}', '\ufeff{"name":"x"}',
    '{"name":"é👩\\u00e9"}', '{}', 'null', '7', '"text"', '"]]]["', '"\\"[[{"', '{"name":""}', '{"name":7}',
    '{"name":"x","other":1}', '[[]]', '[null]', '[{"name":"x"},{"name":""}]', '[{"name":"x"},{"name":"\\u0000"}]',
    '{"name":"\\ud800"}', '{"name":"\\udc00"}',
    '{', '[', '}', ']]', '{"name":"x"', '{"name":"x"}}', "{'name':'x'}", '[{"name":"x"},]', 'name=x', '"', '"\\',
    '{"__proto__":1}', '{"name":"x","__proto__":{"y":1}}', '[{"name":"x","constructor":{"prototype":1}}]',
    '{"__pr\\u006fto__":1}', '{"name":"__proto__"}', '{"constructor":1}'
  ]
  const bodies = [
    ...texts.map((text) => Buffer.from(text)),
    Buffer.from('{"name":"\xff"}', 'latin1'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('[{"name":"x"}]', 'utf16le')
  ]
  for (const small of bodies) {
    t.same(await send(Buffer.concat([small, Buffer.alloc(LARGE, ' ')])), await send(small), String(small))
  }
  for (const small of ['{"name":7}', 'null', '7', '"text"', '[{}]', '{', '{"__proto__":1}']) {
    t.same(await send(small.padEnd(LARGE), 'DELETE'), await send(small, 'DELETE'), `${small}, without a schema`)
  }
})

t.test('a large body of white space is 400', async (t) => {
  const { send } = await echo(t)
  t.match(await send(' '.repeat(LARGE)), { statusCode: 400, code: 'FST_ERR_CTP_INVALID_JSON_BODY' })
})

t.test('an array arrives whole and in order', async (t) => {
  const { send } = await echo(t)
  for (const count of [249, 250, 251, 1_000]) {
    const items = Array.from({ length: count }, (_, i) => ({ name: `${i}${'x'.repeat(200)}` }))
    t.same(await send(JSON.stringify(items)), { statusCode: 200, body: items })
  }
})

t.test('large bodies that arrive at once do not mix', async (t) => {
  const { send } = await echo(t)
  const names = ['a', 'b', 'c', 'd'].map((name) => name.repeat(LARGE))
  const replies = await Promise.all(names.map((name) => send(JSON.stringify([{ name }, { name: name[0] }]))))
  t.same(replies, names.map((name) => ({ statusCode: 200, body: [{ name }, { name: name[0] }] })))
})

t.test('the limit of a body that is no array is 1 MiB', async (t) => {
  const { send } = await echo(t)
  const padded = (text: string, bytes: number) => text.padEnd(bytes)
  t.equal((await send(padded('{"name":"x"}', MIB))).statusCode, 200)
  t.match(await send(padded('{"name":"x"}', MIB + 1)), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' })
  t.match(await send(padded('{"nam":"x"}', MIB + 1)), { statusCode: 413 }, 'it is checked first')
  t.equal((await send(padded('[{"name":"x"}]', 8 * MIB))).statusCode, 200)
  t.match(await send(padded('[{"name":"x"}]', 8 * MIB + 1)), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' })
})

t.test('a body with too many levels or values is 400, since parsing it would take hundreds of MiB', async (t) => {
  const { send } = await echo(t)
  const nested = (depth: number) => ('['.repeat(depth) + ']'.repeat(depth)).padEnd(LARGE)
  t.match(await send(nested(32)), { code: 'FST_ERR_VALIDATION' })
  const refused = { statusCode: 400, code: 'LARDER_BODY_TOO_COMPLEX' }
  t.match(await send(nested(33)), refused)
  t.match(await send('{"a":'.repeat(MIB) + '1' + '}'.repeat(MIB)), refused)
  t.match(await send('['.repeat(8 * MIB)), refused)
  t.match(await send(`[${'1,'.repeat(199_999)}1]`), { message: 'body must NOT have more than 10000 items' })
  t.match(await send(`[${'1,'.repeat(200_000)}1]`), refused)
  t.match(await send(`[${'{},'.repeat(100_000)}{}]`), refused)
  t.match(await send(JSON.stringify([{ name: '[{,'.repeat(MIB) }])), { statusCode: 200 }, 'text is not counted')
})

t.test('the name of an unknown field is shortened in the message', async (t) => {
  const { send } = await echo(t)
  const { message } = await send(JSON.stringify({ name: 'x', ['y'.repeat(LARGE)]: 1 }))
  t.equal(message, `body must not have the field '${'y'.repeat(100)}…'`)
})

t.test('the event loop does other work between batches of a large array', async (t) => {
  const { send } = await echo(t)
  let turns = 0
  let immediate = setImmediate(function turn () {
    turns++
    immediate = setImmediate(turn)
  })
  const { body } = await send(JSON.stringify(Array.from({ length: 10_000 }, () => ({ name: '👩'.repeat(150) }))))
  clearImmediate(immediate)
  t.equal(body.length, 10_000)
  t.ok(turns >= 40, `${turns} turns`)
})
