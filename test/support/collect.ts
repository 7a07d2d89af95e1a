/** Reads an iterator to its end, and returns what it returned, sorted. */
export async function collect<T> (items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all.sort()
}
