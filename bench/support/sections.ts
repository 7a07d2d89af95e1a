import { type Line, formatTable } from './table.ts'

/** Measures the sections one after the other, and prints them as one table. */
export async function measure (sections: Record<string, () => Line[] | Promise<Line[]>>): Promise<void> {
  const table = new Map<string, Line[]>()
  for (const [title, lines] of Object.entries(sections)) {
    process.stderr.write(`${title} …\n`)
    table.set(title, await lines())
  }
  console.log(formatTable(table))
}
