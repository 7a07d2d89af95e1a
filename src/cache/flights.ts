import type { MaybePromise } from './maybe-promise.ts'
import type { Loaded } from './types.ts'
import type { Stamp } from './versions.ts'

/** A load under way. */
export interface Flight {
  /** The clock before the load began, which decides who may join; undefined where no clock answers. */
  stamp: MaybePromise<Stamp | undefined>
  result: Promise<Loaded>
  /** Set when the key was written or deleted meanwhile: what the load brings is not kept, and nobody joins it. */
  revoked: boolean
}

/** The loads of a process, at most one a key that may still be joined. */
export class Flights {
  readonly #byKey = new Map<string, Flight>()

  get size (): number {
    return this.#byKey.size
  }

  get (key: string): Flight | undefined {
    return this.#byKey.get(key)
  }

  /** Begins a flight, in the place of any other under the key, which has seen less. */
  start (key: string, stamp: Flight['stamp'], run: (flight: Flight) => Promise<Loaded>): Flight {
    this.revoke(key)
    const flight: Flight = { stamp, result: undefined as never, revoked: false }
    this.#byKey.set(key, flight)
    flight.result = run(flight).finally(() => {
      if (this.#byKey.get(key) === flight) this.#byKey.delete(key)
    })
    return flight
  }

  revoke (key: string): void {
    const flight = this.#byKey.get(key)
    if (flight === undefined) return
    flight.revoked = true
    this.#byKey.delete(key)
  }

  revokeAll (): void {
    for (const key of this.#byKey.keys()) this.revoke(key)
  }
}
