import { setImmediate } from 'node:timers'

/**
 * All who ask within one turn of the event loop get what is read once, after the turn: it is at least as new as each of
 * them. What the read notes, e.g. for a page that is kept, it notes for the first of them alone.
 */
export function oncePerTurn<T> (read: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined
  return () => {
    next ??= new Promise((resolve) => {
      setImmediate(() => {
        next = undefined
        resolve(read())
      })
    })
    return next
  }
}
