import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import type { Test } from 'tap'
import { type Process, start } from '../../../support/process.ts'

const APP = fileURLToPath(new URL('./app.ts', import.meta.url))
const SERVER = fileURLToPath(new URL('../../../../src/server.ts', import.meta.url))

export interface SiteOptions {
  readonly database: pg.PoolConfig
  readonly redis: string
  readonly host?: string
  /** A command that runs the rest of its arguments, e.g. in a network namespace. */
  readonly within?: readonly string[]
}

/** A process of the application. */
export interface Site {
  readonly url: string
  readonly process: Process
}

/** Starts a process of the application. It ends with the test. */
export async function startSite (
  t: Test, { database, redis, host = '127.0.0.1', within = [] }: SiteOptions
): Promise<Site> {
  const [command, ...args] = [...within, process.execPath, APP]
  const started = await start(command!, args, 'listening', {
    SITE_DATABASE: JSON.stringify(database), REDIS_URL: redis, SITE_HOST: host
  })
  if (started === undefined) throw new Error('The application did not start.')
  t.teardown(() => started.kill())
  return { url: findUrl(started.line), process: started }
}

/** Starts a process of the service. It ends with the test. */
export async function startService (t: Test, database: string, redis: string): Promise<Site> {
  const started = await start(process.execPath, [SERVER], 'listening on', {
    DATABASE_URL: database, REDIS_URL: redis, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info'
  })
  if (started === undefined) throw new Error('The service did not start.')
  t.teardown(() => started.kill())
  return { url: findUrl(started.line), process: started }
}

const findUrl = (line: string) => /http:[^"\s]+/.exec(line)![0]
