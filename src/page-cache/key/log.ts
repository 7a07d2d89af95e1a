import type { FastifyBaseLogger } from 'fastify'
import { pauseTracking } from './request-reads.ts'

/** Under which pino keeps the hooks of a logger. */
const HOOKS = Symbol.for('pino.hooks')
/** Marks hooks during which no read counts. */
const IS_PAUSING = Symbol('larder.is-pausing')

type Method = (this: unknown, ...args: unknown[]) => void

interface Pino {
  [HOOKS]?: {
    logMethod?: (this: unknown, args: unknown[], method: Method, level: number) => void
    [IS_PAUSING]?: true
  }
  level: string
  child: (this: unknown, ...args: unknown[]) => unknown
}

/**
 * Lets the log read requests, which shapes no response: for its lines, and for what all lines of a child have.
 *
 * Fastify's logger is one of pino, unless the application has given another one, whose reads count.
 */
export function ignoreLog (log: FastifyBaseLogger): void {
  const logger = log as unknown as Pino
  const { [HOOKS]: hooks, child } = logger
  if (hooks === undefined || hooks[IS_PAUSING] === true) return
  const { logMethod } = hooks
  logger[HOOKS] = {
    ...hooks,
    [IS_PAUSING]: true,
    logMethod (args, method, level) {
      pauseTracking(() => logMethod === undefined
        ? method.apply(this, args)
        : logMethod.call(this, args, method, level))
    }
  }
  // From here on the methods of this logger, and of its children, call the hook.
  const { level } = logger
  logger.level = level
  logger.child = function (...args) {
    return pauseTracking(() => child.apply(this, args))
  }
}
