import { type Line, tableOf } from './table.ts'

/** Measures one section after the other, and prints them as one table. */
export async function measure (sections: Record<string, () => Line[] | Promise<Line[]>>): Promise<void> {
  const table = new Map<string, Line[]>()
  for (const [title, lines] of Object.entries(sections)) {
    process.stderr.write(`${title} …\n`)
    table.set(title, await lines())
  }
  console.log(tableOf(table))
}
