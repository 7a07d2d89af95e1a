/** Whether explorations, storms and faults run in full: `make soak` sets SOAK=1, `make test` does not. */
const isSoak = process.env.SOAK === '1'

/**
 * Chooses between the two forms of a long test, of which the short one has fewer rounds, seeds or faults.
 *
 * Test files call it, not the modules that they share: `make soak` runs the test files that import this module.
 *
 * @param full for `make soak`
 * @param short for `make test`, of a few seconds
 */
export function soak<T> (full: T, short: T): T {
  return isSoak ? full : short
}
