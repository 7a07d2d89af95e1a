/** Measures once, and returns a figure. */
export type Contender = () => number | Promise<number>

export function median (figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * Lets contenders take turns, and returns the median of each.
 *
 * Every other round runs in reverse order, so that a quiet minute favours nobody. The first round warms up.
 */
export async function takeTurns<Name extends string> (
  rounds: number, contenders: Record<Name, Contender>
): Promise<Record<Name, number>> {
  const figures = await measureRounds(rounds, contenders)
  const medians = Object.entries<number[]>(figures).map(([name, all]) => [name, median(all)])
  return Object.fromEntries(medians) as Record<Name, number>
}

/** Returns the figures of each round. Within a round, other work on the machine affects all contenders alike. */
export async function measureRounds<Name extends string> (
  rounds: number, contenders: Record<Name, Contender>
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contenders) as Name[]
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round <= rounds; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const figure = await contenders[name]()
      if (round > 0) figures[name].push(figure)
    }
  }
  return figures
}

/** Returns the median of the ratios of two contenders, round by round. */
export function getMedianRatio (figures: readonly number[], others: readonly number[]): number {
  return median(figures.map((figure, round) => figure / others[round]!))
}

const SLICES = 50

/**
 * Measures the microseconds of a typical call: the median of slices, so that other work on the machine counts little.
 *
 * @param work gets the number of the call, from 0
 */
export function typicalCall (calls: number, work: (call: number) => void): number {
  const length = calls / SLICES
  return median(Array.from({ length: SLICES }, (_, slice) => perCall(length, (call) => work(slice * length + call))))
}

/** Measures the mean microseconds of a call. */
export function perCall (calls: number, work: (call: number) => void): number {
  const began = performance.now()
  for (let call = 0; call < calls; call++) work(call)
  return (performance.now() - began) * 1000 / calls
}

export async function typicalAsyncCall (calls: number, work: (call: number) => Promise<unknown>): Promise<number> {
  const figures: number[] = []
  for (let slice = 0; slice < SLICES; slice++) figures.push(await perAsyncCall(calls / SLICES, work))
  return median(figures)
}

/** As `perCall`, for calls that return a promise. They run one after the other. */
export async function perAsyncCall (calls: number, work: (call: number) => Promise<unknown>): Promise<number> {
  const began = performance.now()
  for (let call = 0; call < calls; call++) await work(call)
  return (performance.now() - began) * 1000 / calls
}

/** Checks that the benchmark measures what it should. */
export function assert (condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Expected ${what}. The benchmark measures something else.`)
}
