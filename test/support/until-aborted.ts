import { once } from 'node:events'

/** Resolves when a signal is aborted. */
export async function untilAborted (signal: AbortSignal): Promise<void> {
  // A timer of the signal alone would not keep the process running.
  const timer = setInterval(() => {}, 1_000)
  if (!signal.aborted) await once(signal, 'abort')
  clearInterval(timer)
}
