export const COME = 'Redis is there'
export const GONE = 'Redis is away; going on without'

const WARN = 40

interface Line { level: number, msg: string, err?: { message: string } }

/** What a service logs. */
export class Log {
  readonly #lines: Line[] = []
  readonly stream = { write: (line: string) => { this.#lines.push(JSON.parse(line)) } }

  /** Those that say that Redis came or went. */
  get changes (): string[] {
    return this.#lines.map(({ msg }) => msg).filter((msg) => msg === COME || msg === GONE)
  }

  /** Those that say why it went. */
  get reasons (): Array<string | undefined> {
    return this.#lines.filter(({ msg }) => msg === GONE).map(({ err }) => err?.message)
  }

  /** All others that ask to be read. */
  get complaints (): string[] {
    return this.#lines.filter(({ level, msg }) => level >= WARN && msg !== GONE).map(({ msg, err }) => `${msg}: ${err?.message}`)
  }
}
