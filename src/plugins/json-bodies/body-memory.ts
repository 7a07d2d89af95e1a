/** Bounds the memory for the bodies of all requests together. A body is held from its first bytes to the response. */
export class BodyMemory {
  #free: number
  readonly #held = new Map<object, number>()

  /** @param bytes of all bodies */
  constructor (bytes: number) {
    this.#free = bytes
  }

  /** Prepares for the body of a request. */
  open (request: object): void {
    this.#held.set(request, 0)
  }

  /** Takes memory for bytes of a body. Returns false if there is too little, or if the request is closed. */
  take (request: object, bytes: number): boolean {
    const held = this.#held.get(request)
    if (held === undefined || bytes > this.#free) return false
    this.#held.set(request, held + bytes)
    this.#free -= bytes
    return true
  }

  /** Frees the memory of a body. */
  close (request: object): void {
    this.#free += this.#held.get(request) ?? 0
    this.#held.delete(request)
  }
}
