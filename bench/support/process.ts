import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Account } from './account.ts'
import { onCore, SERVER_CORE } from './cores.ts'

/** What a program of ours said when it was ready. */
export interface Process { child: ChildProcess, said: RegExpExecArray }

const running = new Set<ChildProcess>()
process.once('exit', () => { for (const child of running) child.kill() })

/** Starts a program in a process of its own, and waits until it says so. Undefined where it does not start. */
export async function start (program: string, words: string[], ready: RegExp, env: Record<string, string> = {}): Promise<Process | undefined> {
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  running.add(child)
  child.once('error', () => running.delete(child)).once('exit', () => running.delete(child))
  const stdout = child.stdout!
  for await (const line of createInterface({ input: stdout })) {
    const said = ready.exec(line)
    if (said === null) continue
    stdout.resume()
    return { child, said }
  }
  return undefined
}

/** The same for a program of this repository that listens: its address comes with it. */
export async function startServer (program: string, words: string[], env: Record<string, string> = {}): Promise<Process & { address: string }> {
  return await listening(program, [node, [program, ...words]], env)
}

async function listening (name: string, [program, words]: [string, string[]], env: Record<string, string>): Promise<Process & { address: string }> {
  const process = await start(program, words, /listening on (http:[^"\s]+)/, { PORT: '0', LOG_LEVEL: 'silent', ...env })
  if (process === undefined) throw new Error(`${name} did not start`)
  return { ...process, address: process.said[1]! }
}

const node = process.execPath
const ACCOUNT = new URL('account.ts', import.meta.url).href

/** The same for a program whose account is asked for, on a core of its own. */
export async function startMeasured (program: string, words: string[], env: Record<string, string> = {}) {
  return await listening(program, onCore(SERVER_CORE, node, [program, ...words]), { NODE_ENV: 'production', NODE_OPTIONS: `--import=${ACCOUNT}`, ...env })
}

/** What a program that was started so has done so far. */
export async function accountOf ({ child }: Process): Promise<Account> {
  const answer = once(child, 'message')
  child.send('account')
  return (await answer as [Account])[0]
}

export async function stop ({ child }: Process): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
