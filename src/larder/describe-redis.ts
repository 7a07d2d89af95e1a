import type { Cluster, Redis } from 'ioredis'
import { parseRedisGroup } from './redis-url.ts'

/** Describes a Redis that was found, e.g. `Redis 7.0.15 at 10.0.0.1:6379, database 1, with TLS`. No secrets. */
export async function describeRedis (client: Redis | Cluster, url: string): Promise<string> {
  // A user may have no right to ask.
  const info = await client.info('server').catch(() => '')
  const version = /^redis_version:(\S+)/m.exec(info)?.[1]
  return `Redis${version === undefined ? '' : ` ${version}`} ${await describePlace(client, url)}`
}

/** Describes where a Redis should be that was not found. */
export function describeMissingRedis (url: string): string {
  const group = parseRedisGroup(url)
  if (group === undefined) return `Redis at ${describeServer(url)}`
  return `Redis at the ${group.kind === 'cluster' ? 'cluster' : 'sentinels'} ${listAddresses(group)}`
}

async function describePlace (client: Redis | Cluster, url: string): Promise<string> {
  const group = parseRedisGroup(url)
  if (group === undefined) return `at ${describeServer(url)}`
  const addresses = listAddresses(group)
  if (group.kind === 'cluster') {
    const [masters, all] = (['master', 'all'] as const).map((role) => (client as Cluster).nodes(role).length)
    return `Cluster with ${masters} masters and ${all! - masters!} replicas, found at ${addresses}`
  }
  const { stream } = client as unknown as { stream: { remoteAddress: string, remotePort: number } }
  return `at ${stream.remoteAddress}:${stream.remotePort}, which the sentinels ${addresses} call the master ` +
    `${group.master}, database ${group.db}`
}

/** Describes one server, without user and password. */
function describeServer (url: string): string {
  if (url.startsWith('unix:')) {
    const [, path, db = '0'] = /^unix:\/\/([^?]*)(?:\?db=(\d+))?/.exec(url)!
    return `the Unix socket ${path}, database ${db}`
  }
  const { protocol, hostname, port, pathname } = new URL(url)
  const tls = protocol === 'rediss:' ? ', with TLS' : ''
  return `${hostname}:${port || 6379}, database ${pathname.slice(1) || 0}${tls}`
}

function listAddresses ({ addresses }: { addresses: ReadonlyArray<{ host: string, port: number }> }): string {
  return addresses.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ')
}
