/**
 * Returns a function that says whether a text begins with one of these. It takes a few comparisons, however many there
 * are.
 */
export function matchPrefixes (prefixes: readonly string[]): (text: string) => boolean {
  const sorted: string[] = []
  // One that begins with another says nothing more.
  for (const prefix of [...prefixes].sort()) {
    if (sorted.length === 0 || !prefix.startsWith(sorted.at(-1)!)) sorted.push(prefix)
  }
  return (text) => {
    // Only the last one that is not after the text can be its beginning.
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! <= text) low = middle + 1
      else high = middle
    }
    return low > 0 && text.startsWith(sorted[low - 1]!)
  }
}
