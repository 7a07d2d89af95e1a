/** What was read of the connection of a request. */
export class ConnectionReads {
  /** Whether the address of the client was read in the handler. */
  addressInHandler = false
  /** Whether a hook has read it. */
  addressInHook = false
  /** Whether anything else was read. */
  rest = false

  /** What was read that no key can cover, as a token for `Cache-Status`. */
  get unkeyed (): string | undefined {
    if (this.addressInHandler) return 'client-address-read'
    if (this.addressInHook) return 'client-address-read:ignoreAddress'
    return this.rest ? 'connection-read' : undefined
  }

  /** How many of them were read. */
  get count (): number {
    return Number(this.addressInHandler) + Number(this.addressInHook) + Number(this.rest)
  }

  /** Runs `read`, which reads the connection for something that is recorded otherwise. */
  ignore<T> (read: () => T): T {
    const before = this.rest
    try {
      return read()
    } finally {
      this.rest = before
    }
  }
}
