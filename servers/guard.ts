import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** Ends a process if this one ends without doing so, e.g. because it was killed: then its end of the pipe is closed. */
export function guardProcess (pid: number, signal = 'QUIT'): ChildProcess {
  const guard = spawn('sh', ['-c', 'read _; kill "-$1" "$0"', String(pid), signal], {
    stdio: ['pipe', 'ignore', 'ignore'], detached: true
  })
  guard.unref()
  ;(guard.stdin as Socket).unref()
  return guard
}

/** Waits for a line of the output of a server. Throws with what it has written if it ends before. */
export async function untilReady (name: string, output: NodeJS.ReadableStream, ready: RegExp): Promise<void> {
  const lines: string[] = []
  for await (const line of createInterface({ input: output })) {
    lines.push(line)
    if (ready.test(line)) {
      output.resume()
      return
    }
  }
  throw new Error(`${name} did not start:\n${lines.join('\n')}`)
}

/** Ends a process, and waits until it has ended. */
export async function endProcess (child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
