export const AVAILABLE = 'Redis has recovered: circuit closed'
export const UNAVAILABLE = 'Redis is unavailable: circuit open, continuing without it'

const WARN = 40

interface Line { level: number, msg: string, err?: { message: string } }

/** Collects the log lines of a service. */
export class Log {
  readonly #lines: Line[] = []
  readonly stream = { write: (line: string) => { this.#lines.push(JSON.parse(line)) } }

  /** The lines that report a change of the circuit to Redis. */
  get changes (): string[] {
    return this.#lines.map(({ msg }) => msg).filter((msg) => msg === AVAILABLE || msg === UNAVAILABLE)
  }

  /** The reasons for which the circuit opened. */
  get reasons (): Array<string | undefined> {
    return this.#lines.filter(({ msg }) => msg === UNAVAILABLE).map(({ err }) => err?.message)
  }

  /** All other lines of level warn and above. */
  get warnings (): string[] {
    const others = this.#lines.filter(({ level, msg }) => level >= WARN && msg !== UNAVAILABLE)
    return others.map(({ msg, err }) => `${msg}: ${err?.message}`)
  }
}
