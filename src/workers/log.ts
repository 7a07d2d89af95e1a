import { hostname } from 'node:os'

const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: Infinity }

type Level = keyof typeof LEVELS

/** A log of lines as pino writes them. */
export interface Log {
  info (message: string): void
  warn (message: string): void
  error (message: unknown): void
  /** Writes a line of level info, whatever the level of the log. */
  always (message: string): void
}

/**
 * Creates a log in the format of pino. The primary logs few lines, and stays small because it does not load pino.
 *
 * @param level one of pino's. The workers check it, so any other counts as `info` until they do.
 * @param write writes a line; default to stdout
 */
export function createLog (
  level: string | undefined, write = (line: string): void => { process.stdout.write(line) }
): Log {
  const threshold = LEVELS[level as Level] ?? LEVELS.info
  const base = { pid: process.pid, hostname: hostname() }
  const writeLine = (level: Level, message: unknown) => {
    const details = message instanceof Error
      ? { err: { type: message.name, message: message.message, stack: message.stack }, msg: message.message }
      : { msg: message }
    write(`${JSON.stringify({ level: LEVELS[level], time: Date.now(), ...base, ...details })}\n`)
  }
  const logAt = (at: Level) => (message: unknown) => { if (LEVELS[at] >= threshold) writeLine(at, message) }
  return {
    info: logAt('info'),
    warn: logAt('warn'),
    error: logAt('error'),
    always: (message) => writeLine('info', message)
  }
}
