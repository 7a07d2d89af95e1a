/** A line of the table: a figure, what it is compared with, and what it should be. */
export interface Line {
  what: string
  figure: string
  /** The same without the clock, or what else the figure is compared with. */
  other?: string
  compared?: string
  target?: string
  met?: boolean
}

const TITLES = { figure: 'figure', other: 'without/other', compared: 'compared', target: 'target', met: 'met' }

/** Sections under their titles, in the columns that the titles of these name. */
export function tableOf<L extends Line> (sections: ReadonlyMap<string, readonly L[]>, titles: Partial<Record<keyof L, string>> = TITLES as Partial<Record<keyof L, string>>): string {
  const columns = Object.keys(titles) as Array<keyof L>
  const cell = (line: L, column: keyof L): string => {
    const value = line[column]
    return typeof value === 'boolean' ? (value ? 'yes' : 'NO') : String(value ?? '')
  }
  const lines = [...sections.values()].flat()
  const first = Math.max(...lines.map(({ what }) => what.length), ...[...sections.keys()].map((title) => title.length - 2))
  const widths = columns.map((column) => Math.max(titles[column]!.length, ...lines.map((line) => cell(line, column).length)))
  const row = (what: string, cells: string[]) => `${what.padEnd(first + 2)}  ${cells.map((text, i) => text.padStart(widths[i]!)).join('  ')}`.trimEnd()
  const text = [row('', columns.map((column) => titles[column]!))]
  for (const [title, lines] of sections) {
    text.push('', title, ...lines.map((line) => row(`  ${line.what}`, columns.map((column) => cell(line, column)))))
  }
  return text.join('\n')
}

export const us = (figure: number) => `${figure.toFixed(2)} µs`
export const ms = (figure: number) => `${figure.toFixed(1)} ms`
export const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

export const percentile = (sorted: readonly number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!

/** A time that should be short. */
export function shortTime (what: string, figure: number, target: number): Line {
  return { what, figure: us(figure), target: `< ${target} µs`, met: figure < target }
}

/** A time that should be hardly longer than another. */
export function ratioOf (what: string, figure: number, other: number, target?: number): Line {
  const line = { what, figure: us(figure), other: us(other), compared: `${(figure / other).toFixed(2)} x` }
  return target === undefined ? line : { ...line, target: `< ${target} x`, met: figure / other < target }
}

/** A time that should add little to another. */
export function addedTo (what: string, figure: number, other: number, target?: number): Line {
  const line = { what, figure: us(figure), other: us(other), compared: `${figure < other ? '' : '+'}${us(figure - other)}` }
  return target === undefined ? line : { ...line, target: `< ${target} µs`, met: figure - other < target }
}
