/** Measures once, and gives a figure. */
export type Contender = () => number | Promise<number>

export function median (figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Contenders take turns, each round the other way round, so that none has the quiet minute for itself. The first round warms up. */
export async function takeTurns<Name extends string> (rounds: number, contenders: Record<Name, Contender>): Promise<Record<Name, number>> {
  const figures = await roundsOf(rounds, contenders)
  return Object.fromEntries(Object.entries<number[]>(figures).map(([name, all]) => [name, median(all)])) as Record<Name, number>
}

/** The figures of each round, for who compares within a round what the machine's other work moves from one to the next. */
export async function roundsOf<Name extends string> (rounds: number, contenders: Record<Name, Contender>): Promise<Record<Name, number[]>> {
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

/** The typical ratio of two contenders in one round. */
export function ratioIn (figures: readonly number[], others: readonly number[]): number {
  return median(figures.map((figure, round) => figure / others[round]!))
}

const SLICES = 50

/** Microseconds that one call typically takes: the median of slices, so that what else the machine does counts little. Calls are numbered from 0 on. */
export function typicalCall (calls: number, work: (call: number) => void): number {
  const length = calls / SLICES
  return median(Array.from({ length: SLICES }, (_, slice) => perCall(length, (call) => work(slice * length + call))))
}

/** Microseconds that one call takes, over many. */
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

/** As `perCall`, one after the other. */
export async function perAsyncCall (calls: number, work: (call: number) => Promise<unknown>): Promise<number> {
  const began = performance.now()
  for (let call = 0; call < calls; call++) await work(call)
  return (performance.now() - began) * 1000 / calls
}

/** Of what must hold, or else something else was measured. */
export function assert (condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not measured: ${what}`)
}
