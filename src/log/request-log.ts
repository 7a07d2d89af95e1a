import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify'

type Factory = NonNullable<FastifyServerOptions['childLoggerFactory']>
type Line = [first: unknown, ...rest: unknown[]]
type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** The log of a request. It becomes a child of the application's log with its first line: most requests log none. */
export class RequestLog {
  readonly parent: FastifyBaseLogger
  readonly #bindings: Parameters<Factory>[1]
  readonly #options: Parameters<Factory>[2]
  #child: FastifyBaseLogger | undefined

  constructor (parent: FastifyBaseLogger, bindings: Parameters<Factory>[1], options: Parameters<Factory>[2]) {
    this.parent = parent
    this.#bindings = bindings
    this.#options = options
  }

  get #log (): FastifyBaseLogger {
    this.#child ??= this.parent.child(this.#bindings, this.#options)
    return this.#child
  }

  get level (): string {
    return this.#log.level
  }

  set level (level: string) {
    this.#log.level = level
  }

  child (...parameters: Parameters<FastifyBaseLogger['child']>): FastifyBaseLogger {
    return this.#log.child(...parameters)
  }

  fatal (...line: Line): void { this.#write('fatal', line) }
  error (...line: Line): void { this.#write('error', line) }
  warn (...line: Line): void { this.#write('warn', line) }
  info (...line: Line): void { this.#write('info', line) }
  debug (...line: Line): void { this.#write('debug', line) }
  trace (...line: Line): void { this.#write('trace', line) }
  silent (...line: Line): void { this.#write('silent', line) }

  #write (level: Level, line: Line): void {
    (this.#log[level] as (...line: Line) => void)(...line)
  }
}

/** Creates the log of a request, as Fastify's `childLoggerFactory`. */
export const createRequestLog: Factory = (parent, bindings, options) => {
  return new RequestLog(parent, bindings, options) as unknown as FastifyBaseLogger
}
