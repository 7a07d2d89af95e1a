import t from 'tap'
import { isPostgres, parsePostgresUrl } from '../../../src/db/postgres/url.ts'

const anyCertificate = { rejectUnauthorized: false }

t.test('URLs are those of libpq', async (t) => {
  for (const [url, options, place] of [
    ['postgres://', {}, 'postgres://localhost:5432'],
    ['postgresql://db', { host: 'db' }, 'postgres://db:5432'],
    ['postgres://db/shop', { host: 'db', database: 'shop' }, 'postgres://db:5432/shop'],
    ['postgres://u:p%40%2F%3F%25%23%3A%20x@db:5433/a%25b%2Fc', {
      user: 'u', password: 'p@/?%#: x', host: 'db', port: 5433, database: 'a%b/c'
    }, 'postgres://u@db:5433/a%b/c'],
    ['postgres://[::1]:1/x', { host: '::1', port: 1, database: 'x' }, 'postgres://[::1]:1/x'],
    ['postgres://u@/shop?host=/run/postgresql', {
      user: 'u', host: '/run/postgresql', database: 'shop', ssl: false
    }, 'postgres://u@/shop?host=/run/postgresql'],
    ['postgres://%2Frun%2Fpostgresql', { host: '/run/postgresql', ssl: false }, 'postgres:///?host=/run/postgresql'],
    ['postgres://?host=db&port=1&user=u&password=p&dbname=shop&connect_timeout=3&application_name=a', {
      host: 'db',
      port: 1,
      user: 'u',
      password: 'p',
      database: 'shop',
      connectionTimeoutMillis: 3_000,
      application_name: 'a'
    }, 'postgres://u@db:1/shop']
  ] as const) {
    const parsed = parsePostgresUrl(url)
    t.match(parsed.options, options)
    t.equal(parsed.place, place)
    t.equal(isPostgres(url), true)
  }
})

t.test('sslmode is that of libpq', async (t) => {
  const parse = (parameters: string) => parsePostgresUrl(`postgres://db/shop${parameters}`)
  t.match(parse(''), { options: { ssl: anyCertificate }, mayBePlain: true })
  t.match(parse('?sslmode=prefer'), { options: { ssl: anyCertificate }, mayBePlain: true })
  t.match(parse('?sslmode=require'), { options: { ssl: anyCertificate }, mayBePlain: false })
  t.match(parse('?sslmode=disable'), { options: { ssl: false } })
  t.same(parse('?sslmode=verify-full').options.ssl, {})
})

t.test('what is not valid is refused with the reason', async (t) => {
  for (const [url, message] of [
    ['postgres://db/x?sslmode=verify-ca', 'Its sslmode verify-ca needs sslrootcert.'],
    ['postgres://db/x?connect_timeout=0', 'Its connect_timeout must be a number of seconds from 1 to 9999.'],
    ['postgres://db/x?sslrootcert=/no/where', 'The file /no/where cannot be read (ENOENT).'],
    ['postgres://db:99999/x', /^It cannot be parsed\. Write special characters/],
    ['postgres://db/%E0', /^It cannot be parsed/],
    ['postgres://db/x?host=a,b', /^It must have one host/],
    ['mysql://db/x', 'It must begin with postgres:// or postgresql://.']
  ] as const) {
    t.throws(() => parsePostgresUrl(url), { message })
  }
})
