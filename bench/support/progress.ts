/** Reports progress and the remaining time on stderr: in one line on a terminal, otherwise every 15 seconds. */
export function progress (steps: number): (what: string) => void {
  const began = performance.now()
  const { stderr } = process
  /** Milliseconds between two lines, if stderr is no terminal. */
  const PAUSE = 15_000
  let done = 0
  let printedAt = -Infinity
  return (what) => {
    const now = performance.now()
    const left = done === 0 ? '' : `, about ${clock((now - began) / done * (steps - done))} left`
    const text = `  ${done + 1} of ${steps}${left}: ${what}`
    done++
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}${done === steps ? '\n' : ''}`)
    else if (now - printedAt >= PAUSE) {
      printedAt = now
      stderr.write(`${text}\n`)
    }
  }
}

function clock (ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
