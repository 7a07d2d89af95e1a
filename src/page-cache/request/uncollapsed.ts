import type { ServerResponse } from 'node:http'
import type { Cache } from '../../cache/index.ts'

/** A request whose handler runs for it alone, and whose page may be kept all the same: it has no lease to lose. */
export interface Alone {
  readonly primary: string
  /** What is kept under the key was deleted meanwhile. */
  revoked: boolean
}

const running = new WeakMap<Cache, Set<Alone>>()

/** @param raw until whose end it is remembered */
export function beginAlone (cache: Cache, primary: string, raw: Pick<ServerResponse, 'once'>): Alone {
  let all = running.get(cache)
  if (all === undefined) running.set(cache, all = new Set())
  const alone = { primary, revoked: false }
  all.add(alone)
  raw.once('close', () => all.delete(alone))
  return alone
}

/** To be called before keys are deleted. */
export function revokeAlone (cache: Cache, isOver: (primary: string) => boolean): void {
  for (const alone of running.get(cache) ?? []) if (isOver(alone.primary)) alone.revoked = true
}
