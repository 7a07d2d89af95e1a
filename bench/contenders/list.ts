/** Where pages are stored. Contenders are compared within a group. */
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
  /** Whole responses, as a page cache does, or values, from which the handler makes a response each time. */
  stores?: 'responses' | 'values'
  /** The program that serves it. One process serves all contenders with the same program and store. */
  program: Program
  /** What a peer stores its pages in. */
  store?: 'memory' | 'tiered' | 'redis'
  path: string
  /** A header of each hit, and how its value begins. Proves, in addition, that the handler does not run. */
  proof?: [field: string, value: string]
  /** The share of the throughput of a bare route that should be reached, and the name of that route. */
  target?: { share: number, of: string }
}

export type Program = 'bare' | 'ours' | 'service' | 'service with Redis' | 'service without caches' | Peer
export type Peer = keyof typeof PEERS

/** Programs of `bench/peers`, and the package that each of them measures. */
export const PEERS = {
  'async-cache-dedupe': 'async-cache-dedupe',
  bentocache: 'bentocache',
  cacheable: 'cacheable',
  'fastify-caching': '@fastify/caching',
  apicache: 'apicache',
  ocache: 'ocache'
} as const

const STORE_RESPONSES: ReadonlySet<Peer> = new Set(['apicache', 'ocache'])

/** The default of the route to compare with. */
export const BARE = 'Fastify, a string'

const bare = (name: string, group: Group, path: string): Contender => {
  return { group, name, by: 'bare', program: 'ours', path }
}
const near = { share: 0.95, of: BARE }
const ours = (name: string, group: Group, path: string, target = near): Contender => {
  const proof: Contender['proof'] = ['cache-status', 'larder; hit']
  return { group, name, by: 'ours', stores: 'responses', program: 'ours', path, target, proof }
}
const peer = (program: Peer, store: 'memory' | 'tiered' | 'redis', name: string = program): Contender => {
  const stores = STORE_RESPONSES.has(program) ? 'responses' : 'values'
  return { group: store, name, by: 'peer', stores, program, store, path: '/page' }
}
const list = (name: string, program: Program): Contender => {
  const proof: Contender['proof'] = ['server-timing', 'product_objects;desc="hit"']
  const target = { share: 0.5, of: 'Fastify, the same bytes' }
  return { group: 'list', name, by: 'ours', stores: 'values', program, path: '/', proof, target }
}

/** In each group our simplest form is first, and peers are sorted by name. */
export const CONTENDERS: readonly Contender[] = [
  { group: 'none', name: 'node:http', by: 'bare', program: 'bare', path: '/' },
  bare(BARE, 'none', '/bare/string'),
  bare('Fastify, a string, at the end of a turn', 'none', '/bare/turn'),
  bare('Fastify, a Buffer', 'none', '/bare/buffer'),

  ours('Larder', 'memory', '/memory'),
  ours('Larder, with the clock of a database', 'memory', '/memory/clock'),
  peer('apicache', 'memory', 'apicache (Express)'),
  peer('async-cache-dedupe', 'memory'),
  peer('bentocache', 'memory'),
  peer('cacheable', 'memory'),
  peer('fastify-caching', 'memory', '@fastify/caching'),
  peer('ocache', 'memory', 'ocache (h3)'),

  ours('Larder', 'tiered', '/tiered'),
  ours('Larder, with the clock of a database', 'tiered', '/tiered/clock'),
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
  { group: 'list', name: 'without caches', by: 'ours', program: 'service without caches', path: '/' }
]

/** Finds the route without a cache that a contender is compared with. */
export function findBare ({ group, target }: Contender): Contender {
  const inGroup = CONTENDERS.find((other) => other.group === group && other.target !== undefined)
  const name = target?.of ?? inGroup?.target?.of ?? BARE
  return CONTENDERS.find((other) => other.by === 'bare' && other.name === name)!
}

export const getKey = ({ group, name }: Contender) => `${group}: ${name}`
