/** The number of rows or values of one table that an entry may depend on. With more, it depends on the table. */
const MAX_ROWS = 1_000

/**
 * Returns fewer tags that cover the given ones: a table in place of its rows, if it is among them or they are many.
 *
 * @param findTable returns the table whose row a tag is about; undefined for other tags
 */
export function compactTags (tags: ReadonlySet<string>, findTable: (tag: string) => string | undefined): Set<string> {
  const rows = new Map<string, Set<string>>()
  const others = new Set<string>()
  for (const tag of tags) {
    const table = findTable(tag)
    if (table === undefined) others.add(tag)
    else if (!tags.has(table)) rows.set(table, (rows.get(table) ?? new Set()).add(tag))
  }
  for (const [table, tags] of rows) {
    for (const tag of tags.size > MAX_ROWS ? [table] : tags) others.add(tag)
  }
  return others
}
