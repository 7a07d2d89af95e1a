import type { Detail } from '../http/details.ts'

/** What was read of the connection of a request. */
export class ConnectionReads {
  /** Whether the address of the client was read in the handler. */
  addressInHandler = false
  /** Whether a hook has read it. */
  addressInHook = false
  /** Whether code outside of routes has read the connection: it runs before the hooks, or listens to the server. */
  outsideRoutes = false
  /** Whether anything else was read. */
  rest = false
  /** Whether hooks may read the address, and code outside of routes the connection. */
  ignoresAddress = false
  /** Whether what is read now is recorded otherwise. */
  isIgnored = false

  /** What was read that no key can cover, as the `detail` of `Cache-Status`. */
  get unkeyed (): Detail | undefined {
    if (this.addressInHandler) return 'client-address-read'
    if (this.addressInHook) return 'client-address-read:ignoreAddress'
    if (this.rest) return 'connection-read'
    return this.outsideRoutes && !this.ignoresAddress ? 'connection-read:ignoreAddress' : undefined
  }

  /** How many of them were read. */
  get count (): number {
    return [this.addressInHandler, this.addressInHook, this.outsideRoutes, this.rest].filter(Boolean).length
  }

  recordAddress (phase: string): void {
    if (phase === 'hooks') this.addressInHook = true
    if (phase === 'handler') this.addressInHandler = true
  }

  /** Runs `read`, which reads the connection for something that is recorded otherwise. */
  ignore<T> (read: () => T): T {
    const before = this.isIgnored
    this.isIgnored = true
    try {
      return read()
    } finally {
      this.isIgnored = before
    }
  }
}
