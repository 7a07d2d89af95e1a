import { setImmediate } from 'node:timers/promises'

/**
 * All who ask within one turn of the event loop get what is read once, after the turn: it is at least as new as each of
 * them. It is read in the context of the first, so all who share it must be alike: in no transaction, noting no reads.
 */
export function oncePerTurn<T> (read: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined
  return () => {
    next ??= setImmediate().then(() => {
      next = undefined
      return read()
    })
    return next
  }
}
