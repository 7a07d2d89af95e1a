import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import type { Test } from 'tap'
import { RedisCommands } from '../../src/cache/stores/redis/commands.ts'

/** A Redis client whose replies the test decides. */
export class FakeClient extends EventEmitter {
  status = 'ready'
  /** The next replies to the probe; without one it succeeds. */
  probes: Array<() => Promise<unknown>> = []
  probed = 0

  async get (): Promise<unknown> {
    this.probed++
    return await this.probes.shift()?.()
  }
}

export function createCommands (t: Test, { status = 'ready', commandTimeout = 50 } = {}) {
  const client = new FakeClient()
  client.status = status
  const reports: Array<string | true> = []
  const commands = new RedisCommands({
    client: client as unknown as Redis,
    probeKey: 'probe',
    commandTimeout,
    onStateChange: (up, reason) => { reports.push(up || reason!.message) }
  })
  t.teardown(() => commands.close())
  let sent = 0
  /** Runs a command; returns its reply or its error. */
  const run = async (reply: () => Promise<unknown>) => await commands.run('PING', () => {
    sent++
    return reply()
  }).catch((error) => error)
  return { client, commands, reports, run, sent: () => sent }
}

export const never = () => new Promise<never>(() => {})
export const fails = (message: string, name = 'Error') => async () => {
  throw Object.assign(new Error(message), { name })
}
export const refuses = (message: string) => fails(message, 'ReplyError')
