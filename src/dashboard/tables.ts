import type { Metrics } from './metrics.ts'

export interface KeyRow { prefix: string, hits: number, misses: number, stores: number, deletes: number }

/** The counters as rows of tables. */
export async function cacheTables ({ reads, misses, writes, pages }: Metrics) {
  const rows = new Map<string, KeyRow>()
  const row = (prefix: unknown): KeyRow => {
    const name = String(prefix)
    const known = rows.get(name)
    if (known !== undefined) return known
    const made = { prefix: name, hits: 0, misses: 0, stores: 0, deletes: 0 }
    rows.set(name, made)
    return made
  }

  for (const { labels, value } of (await reads.get()).values) {
    row(labels.prefix)[labels.result === 'miss' ? 'misses' : 'hits'] += value
  }
  for (const { labels, value } of (await writes.get()).values) {
    row(labels.prefix)[labels.operation === 'set' ? 'stores' : 'deletes'] += value
  }
  return {
    keys: [...rows.values()],
    reasons: (await misses.get()).values.map(({ labels, value }) => ({ prefix: String(labels.prefix), reason: String(labels.reason), count: value })),
    pages: (await pages.get()).values.map(({ labels, value }) => ({ route: String(labels.route), status: String(labels.status), count: value }))
  }
}
