/** What a worker sends to the primary. */
export type FromWorker =
  /** The worker is about to accept connections, so it answers the requests of the others from now on. */
  | { readonly type: 'join' }
  | { readonly type: 'listening', readonly address: string }
  /** It cannot start, for this reason, and ends. */
  | { readonly type: 'failed', readonly message: string }
  /** It closes, and completes only the responses in flight. */
  | { readonly type: 'leave' }
  | { readonly type: 'request', readonly id: number, readonly topic: string, readonly argument: unknown }
  /** The result of a request of another worker; `failed` if there is none. */
  | { readonly type: 'answer', readonly id: number, readonly result?: unknown, readonly failed?: boolean }

/** What the primary sends to a worker. */
export type ToWorker =
  /** A request of another worker. */
  | { readonly type: 'ask', readonly id: number, readonly topic: string, readonly argument: unknown }
  | { readonly type: 'answers', readonly id: number, readonly answers: Answers }
  | { readonly type: 'stop' }

/** The results of the other workers. */
export interface Answers {
  readonly results: readonly unknown[]
  /** How many workers have not answered in time, or have failed to. */
  readonly missing: number
}

/** The topic of requests for metrics, as prom-client has them in JSON. The argument is those of the worker itself. */
export const METRICS = 'metrics'
