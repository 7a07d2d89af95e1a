import type { LockStore } from './store.ts'

/**
 * Creates the locks of a store in this process.
 *
 * @param now returns milliseconds since 1970
 */
export function memoryLocks (now: () => number): LockStore {
  const held = new Map<string, { readonly token: number, endsAt: number }>()
  /** Tokens begin at the time in microseconds, so that they go on increasing when the process starts again. */
  let lastToken = 0

  return {
    acquire (key, ms) {
      if ((held.get(key)?.endsAt ?? 0) > now()) return undefined
      lastToken = Math.max(lastToken + 1, Math.floor(now() * 1000))
      held.set(key, { token: lastToken, endsAt: now() + ms })
      return lastToken
    },
    renew (key, token, ms) {
      const lock = held.get(key)
      if (lock?.token !== token) return false
      lock.endsAt = now() + ms
      return true
    },
    release (key, token) {
      return held.get(key)?.token === token && held.delete(key)
    }
  }
}
