import { Transform } from 'node:stream'

/** The result of a test file: a test point without indentation. */
const FILE = /^(not )?ok \d+ - (.+?)(?: # time=([\d.]+)ms)?$/
/** Lines that say nothing about a failure: passed tests, plans, versions and empty lines. */
const UNIMPORTANT = /^\s*(?:ok \d+.*|\d+\.\.\d+.*|TAP version \d+)?$/
const SUBTEST = /^(\s*)# Subtest: /

/**
 * A reporter for tap that prints a line for each test file, with the time since the start, and the details of failures.
 *
 * It reads raw TAP, which takes much less time than the reporters of tap.
 */
export default class Reporter extends Transform {
  readonly #startedAt = performance.now()
  #rest = ''
  /** The lines of the present file. */
  #lines: string[] = []

  override _transform (chunk: Buffer, _encoding: string, done: () => void): void {
    const lines = (this.#rest + chunk.toString()).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#read(line)
    done()
  }

  override _flush (done: () => void): void {
    this.#read(this.#rest)
    for (const line of findFailures(this.#lines)) this.#print(line)
    done()
  }

  #read (line: string): void {
    const [, failed, file, ms] = FILE.exec(line) ?? []
    if (file !== undefined) {
      const seconds = (Number(ms ?? 0) / 1000).toFixed(1)
      this.#print(`${this.#elapsed()}  ${failed ? 'FAIL' : 'pass'}  ${file}  ${seconds} s`)
      if (failed) for (const line of findFailures(this.#lines)) this.#print(line)
      this.#lines = []
    } else if (/^(?:# (?!Subtest)|Bail out!)/.test(line)) this.#print(line)
    else this.#lines.push(line)
  }

  #print (line: string): void {
    this.push(`${line}\n`)
  }

  #elapsed (): string {
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1000)
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`.padStart(6)
  }
}

/** Keeps the lines about failed tests, with the titles of the tests around them. */
function findFailures (lines: string[]): string[] {
  const important = lines.filter((line) => !UNIMPORTANT.test(line))
  return important.filter((line, i) => {
    const [, indent] = SUBTEST.exec(line) ?? []
    if (indent === undefined) return true
    const [, next] = SUBTEST.exec(important[i + 1] ?? '') ?? []
    return important[i + 1] !== undefined && (next === undefined || next.length > indent.length)
  })
}
