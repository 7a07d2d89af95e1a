/** Waits until a connection is closed. An error that comes first, as where it is reset, makes no difference; with `once` of node:events it would. */
export function untilClosed (connection: { once (event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => { connection.once('close', resolve) })
}
