/** Says on stderr what is under way and how long all will about take: on a terminal in one line, else now and then. */
export function progress (steps: number): (what: string) => void {
  const began = performance.now()
  const { stderr } = process
  /** Not on a terminal: milliseconds from one line to the next. */
  const PAUSE = 15_000
  let done = 0
  let said = -Infinity
  return (what) => {
    const now = performance.now()
    const left = done === 0 ? '' : `, about ${clock((now - began) / done * (steps - done))} left`
    const text = `  ${done + 1} of ${steps}${left}: ${what}`
    done++
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}${done === steps ? '\n' : ''}`)
    else if (now - said >= PAUSE) {
      said = now
      stderr.write(`${text}\n`)
    }
  }
}

function clock (ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
