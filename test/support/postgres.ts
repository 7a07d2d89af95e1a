import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { chownSync, cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import type { Test } from 'tap'

/** Debian keeps the programs of each version in a folder of its own. */
const VERSIONS = '/usr/lib/postgresql'

/** Settings that make a cluster fast, and let it do what the tests need. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  listen_addresses: '',
  shared_buffers: '16MB',
  max_connections: '100',
  max_prepared_transactions: '20',
  wal_level: 'logical',
  max_wal_size: '128MB'
}

export interface PrivatePostgres {
  /** The folder of its Unix socket, for the option `host`. */
  readonly host: string
  /** Id of the first process, for signals. */
  readonly pid: number
  /** Creates a database, and returns a pool for it that ends with the test. */
  createPool (t: Test, options?: pg.PoolConfig): Promise<pg.Pool>
  /** Ends it as SIGINT does, or at once without a checkpoint as a crash, and starts it again. */
  restart (how: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>
  stop (how: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void>
  start (): Promise<void>
}

let shared: Promise<PrivatePostgres> | undefined

/** Starts a PostgreSQL that all test files of a process share. Each test has a database of its own. */
export async function sharePostgres (t: Test): Promise<PrivatePostgres> {
  return await (shared ??= startPostgres(t))
}

/**
 * Starts a PostgreSQL for one test on a Unix socket in a folder of its own. It ends with the test.
 *
 * @param primary the one that it follows as a standby. Default: it is a primary itself
 */
export async function startPostgres (
  t: Test, settings: Record<string, string> = {}, primary?: PrivatePostgres
): Promise<PrivatePostgres> {
  const programs = findPrograms()
  const user = findUser()
  const folder = mkdtempSync(join(tmpdir(), 'larder-postgres-'))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  if (primary === undefined) copyTemplate(programs, user, data)
  else {
    const options = ['-h', primary.host, '-U', 'postgres', '-D', data, '-R', '-c', 'fast', '--no-sync']
    execFileSync(join(programs, 'pg_basebackup'), options, { ...user, cwd: '/' })
  }
  const options = Object.entries({ ...SETTINGS, unix_socket_directories: folder, ...settings })
    .flatMap(([name, value]) => ['-c', `${name}=${value}`])
  let server: ReturnType<typeof spawn>
  let exited: Promise<unknown>
  let guard: ReturnType<typeof spawn> | undefined

  async function start (): Promise<void> {
    server = spawn(join(programs, 'postgres'), ['-D', data, ...options], {
      ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env.PATH, LC_ALL: 'C' }
    })
    exited = once(server, 'exit')
    guard?.kill()
    guard = guardProcess(server.pid!)
    await untilReady(server.stderr!)
  }

  async function stop (how: NodeJS.Signals): Promise<void> {
    server.kill(how)
    server.kill('SIGCONT')
    await exited
  }

  await start()
  t.teardown(async () => {
    if (server.exitCode === null && server.signalCode === null) await stop('SIGQUIT')
    guard?.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  let databases = 0
  return {
    host: folder,
    get pid () { return server.pid! },
    start,
    stop,
    async restart (how) {
      await stop(how)
      await start()
    },
    async createPool (t, options = {}) {
      const database = `test_${++databases}`
      const connection = { host: folder, port: Number(settings.port ?? 5432), user: 'postgres' }
      const admin = new pg.Client({ ...connection, database: 'postgres' })
      await admin.connect()
      await admin.query(`CREATE DATABASE ${database}`)
      await admin.end()
      const pool = new pg.Pool({ ...connection, database, ...options })
      // Tests stop the server.
      pool.on('error', () => {})
      pool.on('connect', (client) => { client.on('error', () => {}) })
      t.teardown(() => pool.ended ? undefined : pool.end())
      return pool
    }
  }
}

/** Ends a process if the test ends without doing so, e.g. because it was killed: then its end of the pipe is closed. */
function guardProcess (pid: number): ReturnType<typeof spawn> {
  const guard = spawn('sh', ['-c', 'read _; kill -QUIT "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'], detached: true
  })
  guard.unref()
  ;(guard.stdin as Socket).unref()
  return guard
}

function findPrograms (): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  const folders = versions.map((version) => join(VERSIONS, version, 'bin'))
  const folder = folders.find((path) => existsSync(join(path, 'initdb')))
  if (folder !== undefined) return folder
  throw new Error('The tests need PostgreSQL: install the package postgresql (Debian, Ubuntu).')
}

/** Returns the user that runs PostgreSQL if root runs the tests, since it refuses to run as root. */
export function findUser (): { uid: number, gid: number } | undefined {
  if (process.getuid!() !== 0) return undefined
  const read = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: read('-u'), gid: read('-g') }
}

/** Copies an empty cluster, which the first test on a machine creates. */
function copyTemplate (programs: string, user: { uid: number, gid: number } | undefined, data: string): void {
  const version = programs.split('/').at(-2)
  const template = join(tmpdir(), `larder-postgres-template-${version}-${user?.uid ?? process.getuid!()}`)
  if (!existsSync(template)) {
    const folder = mkdtempSync(`${template}-`)
    if (user !== undefined) chownSync(folder, user.uid, user.gid)
    const options = ['-D', folder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    execFileSync(join(programs, 'initdb'), options, { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] })
    try {
      renameSync(folder, template)
    } catch {
      rmSync(folder, { recursive: true }) // another test was faster
    }
  }
  if (user === undefined) return cpSync(template, data, { recursive: true })
  execFileSync('cp', ['-r', template, data], { ...user, cwd: '/' })
}

async function untilReady (output: NodeJS.ReadableStream): Promise<void> {
  const lines: string[] = []
  for await (const line of createInterface({ input: output })) {
    lines.push(line)
    if (/ready to accept (?:read-only )?connections/.test(line)) {
      output.resume()
      return
    }
  }
  throw new Error(`PostgreSQL did not start:\n${lines.join('\n')}`)
}
