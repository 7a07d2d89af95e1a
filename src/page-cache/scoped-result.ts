import { collectReads, type ReadSet } from '../cache/index.ts'

/**
 * The result of a handler, which records the reads of all that continues with it.
 *
 * Fastify sends the result in the async context in which it has called the handler, and a serializer, an `onSend` hook
 * or a stream may read from a cache then.
 */
export class ScopedResult implements PromiseLike<unknown> {
  readonly #reads: ReadSet
  readonly #result: Promise<unknown>

  constructor (reads: ReadSet, result: Promise<unknown>) {
    this.#reads = reads
    this.#result = result
  }

  then<A, B> (
    onFulfilled?: ((value: unknown) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null
  ): PromiseLike<A | B> {
    const scope = <R>(goOn: ((value: unknown) => R) | null | undefined) => {
      return goOn && ((value: unknown) => collectReads(this.#reads, () => goOn(value)))
    }
    return this.#result.then(scope(onFulfilled), scope(onRejected)) as Promise<A | B>
  }
}
