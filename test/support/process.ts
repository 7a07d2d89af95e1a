import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A child process. */
export interface Process {
  /** The line that it printed when it was ready. */
  line: string
  /** To send it signals. */
  pid: number
  /** Resolves when it has ended. */
  ended: Promise<unknown>
  kill (): Promise<void>
}

/** Variables of the test runner, which collects reports of its processes. These are killed before they could report. */
const RUNNER_VARIABLES = /^(?:NODE_OPTIONS|NODE_V8_COVERAGE|_TAPJS_|TAP)/

/** Programs load faster with it. */
const FAST_IMPORTS = `--import="${fileURLToPath(new URL('../../src/fast-imports.ts', import.meta.url))}"`

const children = new Set<ChildProcess>()
let isOver = false

/** Kills all processes, and prevents further starts. */
export function killAll (): void {
  isOver = true
  for (const child of children) child.kill('SIGKILL')
}
process.once('exit', killAll)

/**
 * Starts a program, and resolves when it prints a line that contains `ready`.
 *
 * Resolves to undefined if it ends before, or after `killAll`.
 */
export async function start (
  command: string, args: string[], ready: string, env: Record<string, string> = {}
): Promise<Process | undefined> {
  if (isOver) return undefined
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !RUNNER_VARIABLES.test(name)))
  const child = spawn(command, args, {
    env: { ...inherited, NODE_OPTIONS: FAST_IMPORTS, ...env }, stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = once(child, 'exit').finally(() => children.delete(child))
  children.add(child)
  const line = await findLine(ready, child.stdout)
  if (line === undefined) {
    await ended
    return undefined
  }
  child.stdout.resume()
  return {
    line,
    pid: child.pid!,
    ended,
    async kill () {
      child.kill('SIGKILL')
      await ended
    }
  }
}

async function findLine (text: string, output: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes(text)) return line
  }
  return undefined
}
