import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

const SERVER = fileURLToPath(new URL('../../src/server.ts', import.meta.url))
const VARIABLES = [
  'HOST', 'PORT', 'DATABASE_URL', 'REDIS_URL', 'CACHE_TTL', 'CACHE_KEY_PREFIX', 'HTTPBIN_URL', 'HTTPBIN_DELAY',
  'LOG_LEVEL', 'LOG_HITS', 'ADMIN_TOKEN', 'WORKERS'
]
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !VARIABLES.includes(name)))

export interface ServerProcess {
  child: ChildProcess
  output: { stdout: string, stderr: string }
  /** Waits for a line on stdout with this text. Returns it, or `undefined` if the process ends without it. */
  line (text: string): Promise<string | undefined>
  /** The address where it listens. */
  address (): Promise<string>
  /** Resolves with the exit status or the signal, after the process has ended and its output is complete. */
  ended: Promise<number | string>
}

/** Starts `node src/server.ts` with this environment and these arguments, on a free port. */
export function startServer (
  t: Test, env: Record<string, string> = {}, args: string[] = [], execArgv: string[] = []
): ServerProcess {
  const child = spawn(process.execPath, [...execArgv, SERVER, ...args], {
    env: { ...inherited, PORT: '0', DATABASE_URL: 'file::memory:', ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('utf8').on('data', (text) => { output[name] += text })
  }
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal)
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })

  async function line (text: string): Promise<string | undefined> {
    let over = false
    ended.then(() => { over = true })
    while (true) {
      const found = output.stdout.split('\n').slice(0, -1).find((line) => line.includes(text))
      if (found !== undefined || over) return found
      await Promise.race([once(child.stdout!, 'data'), ended])
    }
  }

  async function address (): Promise<string> {
    return /http:\/\/[^"]+/.exec(await line('listening') ?? '')![0]
  }

  return { child, output, line, address, ended }
}
