/** Receives a change. It may be asynchronous. Its errors are reported, and do not affect other subscribers. */
export type Subscriber<Change> = (change: Change) => unknown

/** Sends changes to subscribers, each of which has an id. */
export interface Signal<Change> {
  /** Subscribes, unless the id is subscribed already (Django's `dispatch_uid`). Returns the way to unsubscribe. */
  subscribe (id: string, subscriber: Subscriber<Change>): () => void
  /** Resolves when all subscribers have finished. */
  send (change: Change): Promise<void>
}

export function createSignal<Change> (onError: (error: unknown, id: string) => void): Signal<Change> {
  const subscribers = new Map<string, Subscriber<Change>>()

  return {
    subscribe (id, subscriber) {
      if (!subscribers.has(id)) subscribers.set(id, subscriber)
      return () => {
        if (subscribers.get(id) === subscriber) subscribers.delete(id)
      }
    },
    async send (change) {
      await Promise.all(Array.from(subscribers, async ([id, subscriber]) => {
        try {
          await subscriber(change)
        } catch (error) {
          onError(error, id)
        }
      }))
    }
  }
}
