/** Overloaded intervals in a row after which the first requests are refused. So one long block refuses nothing. */
const PATIENCE = 3
/** The share changes by a quarter in each interval. */
const STEPS = 4

/** The share of requests that are refused: it grows with each interval of overload, and falls with each other one. */
export class RefusedShare {
  #refused = 0
  #overloaded = 0
  #requests = 0

  /** Whether requests are refused. */
  get isRefusing (): boolean {
    return this.#refused > 0
  }

  endInterval (isOverloaded: boolean): void {
    this.#overloaded = isOverloaded ? this.#overloaded + 1 : 0
    if (!isOverloaded) this.#refused = Math.max(0, this.#refused - 1)
    else if (this.isRefusing || this.#overloaded >= PATIENCE) this.#refused = Math.min(STEPS, this.#refused + 1)
  }

  /** Counts a request, and returns whether it is refused: the first of four, the first two, and so on. */
  refuseNext (): boolean {
    return this.isRefusing && this.#requests++ % STEPS < this.#refused
  }
}
