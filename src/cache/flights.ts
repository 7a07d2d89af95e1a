import type { ReadSet } from './read-set.ts'
import type { Flight, Loaded } from './types.ts'

/** The loads of a process. Of those under one key, the latest alone may still be joined. */
export class Flights {
  readonly #byKey = new Map<string, Flight>()

  get size (): number {
    return this.#byKey.size
  }

  get (key: string): Flight | undefined {
    return this.#byKey.get(key)
  }

  /**
   * Begins a flight, in the place of any other under the key. What that one brings may be kept all the same: were it
   * not, a clock that moves more often than a load takes time would leave nothing in the cache.
   */
  start (key: string, stamp: Flight['stamp'], reads: ReadSet, run: (flight: Flight) => Promise<Loaded>): Flight {
    const flight: Flight = { stamp, reads, result: undefined as never, revoked: false, older: this.#byKey.get(key) }
    this.#byKey.set(key, flight)
    flight.result = run(flight).finally(() => {
      this.overtake(flight)
      if (this.#byKey.get(key) === flight) this.#byKey.delete(key)
    })
    return flight
  }

  /** Revokes the loads that began before this one, which have seen less than what is kept now. */
  overtake (flight: Flight): void {
    revokeFrom(flight.older)
    flight.older = undefined
  }

  revoke (key: string): void {
    revokeFrom(this.#byKey.get(key))
    this.#byKey.delete(key)
  }

  revokeAll (): void {
    for (const key of this.#byKey.keys()) this.revoke(key)
  }
}

function revokeFrom (latest: Flight | undefined): void {
  for (let flight = latest; flight !== undefined; flight = flight.older) flight.revoked = true
}
