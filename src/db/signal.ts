/** Takes a change. It may be asynchronous; what it throws is reported and stops nobody else. */
export type Subscriber<Change> = (change: Change) => unknown

/** Tells subscribers of changes, each known by an id. */
export interface Signal<Change> {
  /** Subscribes, unless the id is subscribed already (Django's `dispatch_uid`). Returns how to end it. */
  subscribe (id: string, subscriber: Subscriber<Change>): () => void
  /** Resolves when every subscriber is done. */
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
