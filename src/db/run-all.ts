/** Runs all callbacks one after another, and then throws the first error, if any. */
export async function runAll (callbacks: ReadonlyArray<() => unknown>): Promise<void> {
  const errors: unknown[] = []
  for (const callback of callbacks) {
    try {
      await callback()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
