/** Where pages are kept; contenders are compared within such a group. */
export type Group = 'none' | 'memory' | 'tiered' | 'redis' | 'list'

export const GROUPS: Record<Group, string> = {
  none: 'No cache',
  memory: 'Memory',
  tiered: 'Memory over Redis',
  redis: 'Redis',
  list: 'The product list'
}

export interface Contender {
  group: Group
  name: string
  by: 'ours' | 'peer' | 'bare'
  /** Whole responses, as a page cache does, or a value that its handler makes a response of each time. */
  keeps?: 'responses' | 'values'
  /** A program of which one process serves all contenders that have it and the same words. */
  program: Program
  /** What a peer keeps its pages in. */
  store?: 'memory' | 'tiered' | 'redis'
  path: string
  /** A field of each answer, and how it begins: a proof beside that the handler does not run. */
  proof?: [field: string, value: string]
  /** The share of the throughput of the bare route that must be left, and which route that is. */
  target?: { share: number, of: string }
}

export type Program = 'bare' | 'ours' | 'service' | 'service with Redis' | 'service without caches' | Peer
export type Peer = keyof typeof PEERS

/** Programs of `bench/peers`, and the package that each is about. */
export const PEERS = {
  'async-cache-dedupe': 'async-cache-dedupe',
  bentocache: 'bentocache',
  cacheable: 'cacheable',
  'fastify-caching': '@fastify/caching',
  apicache: 'apicache',
  ocache: 'ocache'
} as const

const KEEP_RESPONSES: ReadonlySet<Peer> = new Set(['apicache', 'ocache'])

/** What is compared with the bare route, unless it says otherwise. */
export const BARE = 'Fastify, a string'

const bare = (name: string, group: Group, path: string): Contender => ({ group, name, by: 'bare', program: 'ours', path })
const near = { share: 0.95, of: BARE }
const ours = (name: string, group: Group, path: string, target = near): Contender => {
  return { group, name, by: 'ours', keeps: 'responses', program: 'ours', path, target, proof: ['cache-status', 'larder; hit'] }
}
const peer = (program: Peer, store: 'memory' | 'tiered' | 'redis', name: string = program): Contender => {
  const keeps = KEEP_RESPONSES.has(program) ? 'responses' : 'values'
  return { group: store, name, by: 'peer', keeps, program, store, path: '/page' }
}
const list = (name: string, program: Program): Contender => {
  const proof: Contender['proof'] = ['server-timing', 'product_objects;desc="hit"']
  return { group: 'list', name, by: 'ours', keeps: 'values', program, path: '/', proof, target: { share: 0.5, of: 'Fastify, the same bytes' } }
}

/** The stores' plainest form comes first; peers by name. */
export const CONTENDERS: readonly Contender[] = [
  { group: 'none', name: 'node:http', by: 'bare', program: 'bare', path: '/' },
  bare(BARE, 'none', '/bare/string'),
  bare('Fastify, a string, once a turn has read all requests', 'none', '/bare/turn'),
  bare('Fastify, a Buffer', 'none', '/bare/buffer'),

  ours('Larder', 'memory', '/memory'),
  ours('Larder, on the clock of a database', 'memory', '/memory/clock'),
  peer('apicache', 'memory', 'apicache (Express)'),
  peer('async-cache-dedupe', 'memory'),
  peer('bentocache', 'memory'),
  peer('cacheable', 'memory'),
  peer('fastify-caching', 'memory', '@fastify/caching'),
  peer('ocache', 'memory', 'ocache (h3)'),

  ours('Larder', 'tiered', '/tiered'),
  ours('Larder, on the clock of a database', 'tiered', '/tiered/clock'),
  peer('bentocache', 'tiered'),
  peer('cacheable', 'tiered'),
  peer('ocache', 'tiered', 'ocache (h3)'),

  bare('Fastify, one GET', 'redis', '/bare/redis'),
  ours('Larder', 'redis', '/redis', { share: 0.95, of: 'Fastify, one GET' }),
  peer('apicache', 'redis', 'apicache (Express)'),
  peer('async-cache-dedupe', 'redis'),
  peer('bentocache', 'redis'),
  peer('fastify-caching', 'redis', '@fastify/caching'),
  peer('ocache', 'redis', 'ocache (h3)'),

  bare('Fastify, the same bytes', 'list', '/bare/list'),
  list('from the cache, memory', 'service'),
  list('from the cache, memory over Redis', 'service with Redis'),
  { group: 'list', name: 'without caches: one read for all who ask at once', by: 'ours', program: 'service without caches', path: '/' }
]

/** The route without a cache that a contender is compared with. */
export function bareOf ({ group, target }: Contender): Contender {
  const name = target?.of ?? CONTENDERS.find((other) => other.group === group && other.target !== undefined)?.target?.of ?? BARE
  return CONTENDERS.find((other) => other.by === 'bare' && other.name === name)!
}

export const keyOf = ({ group, name }: Contender) => `${group}: ${name}`
