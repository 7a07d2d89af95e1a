import { createCache, type Versions } from '../../../../src/cache/index.ts'
import { cacheAside, stampedLate } from '../../../coherence/scenarios/naive-caches.ts'
import type { Code } from './code.ts'
import type { ModelServer } from './server.ts'
import type { ModelCache, Parts } from './process.ts'
import type { Subject } from './scenario.ts'

/*
 * Simpler designs, each of which serves stale answers. The explorer must find one for each of them.
 */

/** Returns the greatest number from the sequence among the visible changes of tags. */
function findLast ({ changes }: ModelServer, tags: readonly string[]): number {
  return Math.max(0, ...changes
    .filter(({ rel, slot }) => rel !== 0 && (tags.includes('items') || tags.includes(`items:${slot}`)))
    .map(({ sequence }) => sequence))
}

/** Each change has a number from a sequence: a stamp is the greatest of those that are visible. */
function sequenceVersions ({ name, world }: Parts): Versions {
  async function ask<T> (query: (server: ModelServer) => T): Promise<T> {
    await world.step(`${name}: query`)
    const answer = query(world.server)
    await world.step(`${name}: answer of query`)
    return answer
  }
  return {
    stamp: () => ask(({ changes }) => String(Math.max(0, ...changes.map(({ sequence }) => sequence)))),
    firstChanged: (stamp, tags) => ask((server) => findLast(server, tags) > Number(stamp) ? tags[0] : undefined),
    invalidate () {}
  }
}

/** A message arrives after each commit, and deletes what depends on the changed rows. */
function notifiedCache ({ name, world, store }: Parts): ModelCache {
  world.onCommit(async () => {
    await world.step(`${name} is notified`)
    await store.delete(['row 1', 'row 2', 'all'])
  })
  return cacheAside(store) as ModelCache
}

/** What this process has stored is believed. */
function trustOwn ({ store, versions }: Parts): ModelCache {
  const own = new Set<string>()
  const { firstChanged } = versions
  return createCache({
    store: {
      ...store,
      set (key, entry) {
        own.add(entry.stamp)
        return store.set(key, entry)
      }
    },
    versions: Object.assign(versions, {
      firstChanged: (stamp: string, tags: readonly string[]) => own.has(stamp) ? undefined : firstChanged(stamp, tags)
    })
  })
}

/** A look that is under way serves later requests too. */
function joinLooks (looks: Parts['looks']): void {
  const look = looks.look.bind(looks)
  let current: ReturnType<typeof look> | undefined
  looks.look = () => {
    current ??= look().finally(() => { current = undefined })
    return current
  }
}

export const createNaiveDesigns = (code: Code): Subject[] => [
  {
    title: 'the stamp is taken after the load',
    code,
    makeCache: ({ store, versions }) => stampedLate(store, versions) as ModelCache
  },
  { title: 'a request joins a look that was sent before it', code, changeLooks: joinLooks },
  {
    title: 'changes have numbers from a sequence, and stamps are the greatest number',
    code,
    makeCache: (parts) => createCache({ store: parts.store, versions: sequenceVersions(parts) })
  },
  { title: 'NOTIFY deletes entries', code, makeCache: notifiedCache },
  { title: 'own entries are believed', code, makeCache: trustOwn },
  { title: 'changes have the number of their savepoint', code, flaws: { listsSavepoints: true } },
  { title: 'stamps have no name of the history', code, flaws: { keepsNonce: true } },
  { title: 'changes of prepared transactions do not survive a crash', code, flaws: { losesChanges: true } },
  { title: 'stamps are taken on a standby', code, flaws: { isStandby: true } },
  { title: 'looks list no transaction that was open', code, flaws: { looksPastOpen: true } },
  { title: 'checks list no transaction that was open', code, flaws: { checksPastOpen: true } },
  { title: 'all visible changes are folded, without a floor', code, flaws: { foldsAll: true } },
  { title: 'processes do not learn the floor', code, flaws: { hidesFloor: true } },
  { title: 'folded changes are compared like others', code, flaws: { trustsFolded: true } },
  { title: 'looks do not list a folded change of the schema', code, flaws: { forgetsSchema: true } }
]
