import type { InFlightLoad, LoadResult } from '../types.ts'

/** The loads of a process. Of those under one key, the latest alone may still be joined and kept. */
export class InFlightLoads {
  readonly #byKey = new Map<string, InFlightLoad>()
  #underWay = 0

  /** How many are under way, those included that nobody may join any more. */
  get size (): number {
    return this.#underWay
  }

  get (key: string): InFlightLoad | undefined {
    return this.#byKey.get(key)
  }

  /** Begins a flight, in the place of any other under the key. */
  start (key: string, flight: InFlightLoad, run: () => Promise<LoadResult>): InFlightLoad {
    this.revoke(key)
    this.#byKey.set(key, flight)
    this.#underWay++
    flight.result = run().finally(() => {
      this.#underWay--
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

  /** @param prefix of their keys; empty: of all */
  revokeAll (prefix = ''): void {
    for (const key of this.#byKey.keys()) {
      if (key.startsWith(prefix)) this.revoke(key)
    }
  }
}
