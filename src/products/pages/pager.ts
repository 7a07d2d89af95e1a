/** Returns the number of the last page of the list, which has one page at least. */
export function findLastPage (total: number, limit: number): number {
  return Math.max(1, Math.ceil(total / limit))
}

/**
 * Lists the numbers that the pager shows: the first page, the last one, and those around the current one.
 *
 * @param page the current page
 * @param last the last page that can be opened by its number
 * @returns `undefined` for pages that are left out
 */
export function listPageNumbers (page: number, last: number): Array<number | undefined> {
  const isShown = (number: number) => number >= 1 && (number <= last || number === page)
  const shown = [1, page - 1, page, page + 1, last].filter(isShown)
  const numbers: Array<number | undefined> = []
  let before = 0
  for (const number of [...new Set(shown)].sort((a, b) => a - b)) {
    // A gap of one page takes as much room as its number.
    if (number - before === 2) numbers.push(number - 1)
    else if (number - before > 2) numbers.push(undefined)
    numbers.push(number)
    before = number
  }
  return numbers
}
