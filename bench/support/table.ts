/** A line of a table: a figure, what it is compared with, and its target. */
export interface Line {
  what: string
  figure: string
  /** What the figure is compared with, e.g. the same without the clock. */
  other?: string
  compared?: string
  target?: string
  met?: boolean
}

const TITLES = { figure: 'figure', other: 'without/other', compared: 'compared', target: 'target', met: 'met' }

/**
 * Formats sections as one table.
 *
 * @param titles the titles of the columns, in their order
 */
export function formatTable<L extends Line> (
  sections: ReadonlyMap<string, readonly L[]>,
  titles: Partial<Record<keyof L, string>> = TITLES as Partial<Record<keyof L, string>>
): string {
  const columns = Object.keys(titles) as Array<keyof L>
  const cell = (line: L, column: keyof L): string => {
    const value = line[column]
    return typeof value === 'boolean' ? (value ? 'yes' : 'NO') : String(value ?? '')
  }
  const lines = [...sections.values()].flat()
  const names = [...lines.map(({ what }) => `  ${what}`), ...sections.keys()]
  const first = Math.max(...names.map(({ length }) => length))
  const widths = columns.map((column) => {
    return Math.max(titles[column]!.length, ...lines.map((line) => cell(line, column).length))
  })
  const row = (what: string, cells: string[]) => {
    return [what.padEnd(first), ...cells.map((text, i) => text.padStart(widths[i]!))].join('  ').trimEnd()
  }
  const text = [row('', columns.map((column) => titles[column]!))]
  for (const [title, lines] of sections) {
    text.push('', title, ...lines.map((line) => row(`  ${line.what}`, columns.map((column) => cell(line, column)))))
  }
  return text.join('\n')
}

export const us = (figure: number) => `${figure.toFixed(2)} µs`
export const ms = (figure: number) => `${figure.toFixed(1)} ms`
export const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

export function percentile (sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** Formats a difference with its sign. */
export const difference = (figure: number, other: number) => `${figure < other ? '' : '+'}${us(figure - other)}`

/** Compares a time with its target. */
export function checkTime (what: string, figure: number, target: number): Line {
  return { what, figure: us(figure), target: `< ${target} µs`, met: figure < target }
}

/** Compares a time with another by their ratio. */
export function compareRatio (what: string, figure: number, other: number, target?: number): Line {
  const line = { what, figure: us(figure), other: us(other), compared: `${(figure / other).toFixed(2)} x` }
  return target === undefined ? line : { ...line, target: `< ${target} x`, met: figure / other < target }
}

/** Compares a time with another by their difference. */
export function compareAdded (what: string, figure: number, other: number, target?: number): Line {
  const line = { what, figure: us(figure), other: us(other), compared: difference(figure, other) }
  return target === undefined ? line : { ...line, target: `< ${target} µs`, met: figure - other < target }
}
