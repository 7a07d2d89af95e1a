import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** Waits for the end of the pipe, then ends the process $0 with the signal $1, and removes its folder $2. */
const GUARD = 'read _; kill "-$1" "$0"; [ -z "$2" ] && exit; while kill -0 "$0"; do sleep 0.1; done; rm -rf "$2"'

/**
 * Ends a process if this one ends without doing so, e.g. because it was killed: then its end of the pipe is closed.
 *
 * @param folder what it needs no more then. Default: nothing
 */
export function guardProcess (pid: number, signal = 'QUIT', folder = ''): ChildProcess {
  const guard = spawn('sh', ['-c', GUARD, String(pid), signal, folder], {
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
