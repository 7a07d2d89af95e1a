import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { connectRedis } from '../../src/larder/redis.ts'
import { readCertificate } from '../support/certificates.ts'
import { withRedis } from '../support/with-redis.ts'
import { freePort, startRedis } from '../support/redis.ts'

/** Returns what the log says about the Redis of a URL at the start. */
async function logOf (t: Test, url: string): Promise<string> {
  const lines: string[] = []
  const log = { info: (line: string) => { lines.push(line) }, error () {} }
  await connectRedis(url, (close) => t.teardown(close), log as unknown as Parameters<typeof connectRedis>[2])
  t.equal(lines.length, 1)
  return lines[0]!
}

/** The options of redis-server that add a user with the password `pass`. */
const user = (name: string, ...rights: string[]) => ['--user', name, 'on', '>pass', '~*', '&*', ...rights]

t.test('the log says at the start which Redis was found, and shows no password', async (t) => {
  const certificate = fileURLToPath(new URL('../support/certificates/localhost.pem', import.meta.url))
  const authority = fileURLToPath(new URL('../support/certificates/ca.pem', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'larder-')) // the path of a socket is short
  t.teardown(() => rmSync(folder, { recursive: true }))
  const [tlsPort, path] = [await freePort(), join(folder, 'socket')]
  const { port } = await startRedis(t, '--tls-port', String(tlsPort), '--tls-cert-file', certificate,
    '--tls-key-file', certificate, '--tls-ca-cert-file', authority, '--tls-auth-clients', 'no',
    '--unixsocket', path, ...user('ann', '+@all'), ...user('bob', '+@all', '-info'))
  tls.setDefaultCACertificates([...tls.getCACertificates(), await readCertificate('ca')])
  t.teardown(() => tls.setDefaultCACertificates(tls.getCACertificates('bundled')))
  const version = String.raw`Sharing the cache through Redis \d+\.\d+\.\d+`
  for (const [url, expected] of [
    [`redis://127.0.0.1:${port}`, `${version} at 127\\.0\\.0\\.1:${port}, database 0`],
    [`redis://ann:pass@127.0.0.1:${port}/3`, `${version} at 127\\.0\\.0\\.1:${port}, database 3`],
    [`redis://bob:pass@127.0.0.1:${port}`, `Sharing the cache through Redis at 127\\.0\\.0\\.1:${port}, database 0`],
    [`rediss://localhost:${tlsPort}/1`, `${version} at localhost:${tlsPort}, database 1, with TLS`],
    [`unix://${path}?db=2`, `${version} at the Unix socket ${path}, database 2`],
    [`unix://${path}`, `${version} at the Unix socket ${path}, database 0`]
  ] as const) t.match(await logOf(t, url), new RegExp(`^${expected}$`), url)
})

t.test('the log says at the start which Redis was not found', async (t) => {
  const port = await freePort()
  for (const [url, expected] of [
    [`redis://ann:secret@127.0.0.1:${port}/1`, `Redis at 127.0.0.1:${port}, database 1`],
    ['redis://nowhere.invalid', 'Redis at nowhere.invalid:6379, database 0'],
    [`redis-cluster://:secret@127.0.0.1:${port},[::1]:${port}`,
      `Redis at the cluster 127.0.0.1:${port}, [::1]:${port}`],
    [`redis-sentinel://127.0.0.1:${port}?master=shop`, `Redis at the sentinels 127.0.0.1:${port}`]
  ] as const) t.equal(await logOf(t, url), `Continuing without ${expected}, which does not respond yet`, url)
})

t.test('a log without info gets no such line', async (t) => {
  const { url } = await withRedis(t)
  await connectRedis(url, (close) => t.teardown(close), { error: (error: unknown) => t.fail(String(error)) })
  t.pass()
})
