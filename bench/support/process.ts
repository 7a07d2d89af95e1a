import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Account } from './account.ts'
import { pinToCore, SERVER_CORE } from './cores.ts'

/** A running program, and the line that it printed when it was ready. */
export interface Process { child: ChildProcess, ready: RegExpExecArray }

export type Server = Process & { address: string }

type Env = Record<string, string>

const running = new Set<ChildProcess>()
process.once('exit', () => { for (const child of running) child.kill() })

/**
 * Starts a program and waits until it is ready. Returns `undefined` if it does not start.
 *
 * @param pattern matches the line that the program prints when it is ready
 */
export async function start (
  program: string, args: string[], pattern: RegExp, env: Env = {}
): Promise<Process | undefined> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  running.add(child)
  child.once('error', () => running.delete(child)).once('exit', () => running.delete(child))
  const stdout = child.stdout!
  for await (const line of createInterface({ input: stdout })) {
    const ready = pattern.exec(line)
    if (ready === null) continue
    stdout.resume()
    return { child, ready }
  }
  return undefined
}

/** Starts a server of this repository, and returns its address too. */
export async function startServer (program: string, args: string[], env: Env = {}): Promise<Server> {
  return await startListening(program, [node, [program, ...args]], env)
}

async function startListening (name: string, [program, args]: [string, string[]], env: Env): Promise<Server> {
  const defaults = { PORT: '0', LOG_LEVEL: 'silent' }
  const process = await start(program, args, /listening on (http:[^"\s]+)/, { ...defaults, ...env })
  if (process === undefined) throw new Error(`${name} did not start`)
  return { ...process, address: process.ready[1]! }
}

const node = process.execPath
const ACCOUNT = new URL('account.ts', import.meta.url).href

/** Starts a server on its own core that reports its CPU time to `getAccount`. */
export async function startMeasured (program: string, args: string[], env: Env = {}): Promise<Server> {
  const defaults = { NODE_ENV: 'production', NODE_OPTIONS: `--import=${ACCOUNT}` }
  return await startListening(program, pinToCore(SERVER_CORE, node, [program, ...args]), { ...defaults, ...env })
}

/** Requests the CPU time and the handler runs of a program started with `startMeasured`. */
export async function getAccount ({ child }: Process): Promise<Account> {
  const message = once(child, 'message')
  child.send('account')
  return (await message as [Account])[0]
}

export async function stop ({ child }: Process): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
