/** Waits until a connection is closed. `once` of node:events would reject if an error came first. */
export function untilClosed (connection: { once (event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => { connection.once('close', resolve) })
}
