import { memoryVersions, type Versions } from '../../src/cache/index.ts'

export const down = () => new Error('unreachable')

/** A version clock that can be silenced. */
export function fickleVersions (how: 'throws' | 'rejects'): Versions & { silent: boolean } {
  const versions = memoryVersions()
  const ask = <T>(answer: () => T) => {
    if (!fickle.silent) return answer()
    if (how === 'throws') throw down()
    return Promise.reject(down())
  }
  const fickle = {
    silent: false,
    stamp: () => ask(() => versions.stamp()),
    firstChanged: (stamp: string, tags: readonly string[]) => ask(() => versions.firstChanged(stamp, tags)),
    invalidate: (tags: readonly string[]) => ask(() => versions.invalidate(tags))
  }
  return fickle
}
