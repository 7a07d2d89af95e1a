const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Blocks the event loop for so many milliseconds. The thread sleeps, so that the other tests have its core. */
export function block (ms: number): void {
  Atomics.wait(nobody, 0, 0, ms)
}
