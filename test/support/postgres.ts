import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, cpSync, existsSync, mkdtempSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { guardProcess, untilReady } from '../../servers/guard.ts'
import {
  createCluster, findPrograms, findUser, type PostgresPrograms, READY, type User, writeSettings
} from '../../servers/postgres.ts'

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

/** Files in memory, which take a fifth of the time of those on a disk, if there is room for several clusters. */
const MEMORY = '/dev/shm'
const MEMORY_BYTES = 4 * 2 ** 30

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
let found: { programs: PostgresPrograms, user: User | undefined } | undefined

/** Starts a PostgreSQL that all test files of a process share. Each test has a database of its own. */
export async function sharePostgres (t: Test): Promise<PrivatePostgres> {
  return await (shared ??= startPostgres(t))
}

/**
 * Starts a PostgreSQL for one test on a Unix socket in a folder of its own. It ends with the test.
 *
 * @param primary the one that it follows as a standby. Default: it is a primary itself
 * @param within a command of root that runs the rest of its arguments, e.g. in a network namespace
 */
export async function startPostgres (
  t: Test, settings: Record<string, string> = {}, primary?: PrivatePostgres, within: readonly string[] = []
): Promise<PrivatePostgres> {
  const { programs, user } = found ??= { programs: findPrograms(), user: findUser() }
  // Version 14 knows no other way to create a database, and newer ones write all of it to the log otherwise.
  const strategy = Number(programs.version) < 15 ? '' : 'STRATEGY FILE_COPY'
  const folder = mkdtempSync(join(hasRoom() ? MEMORY : tmpdir(), 'larder-postgres-'))
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  if (primary === undefined) copyTemplate(programs, user, data)
  else {
    const options = ['-h', primary.host, '-U', 'postgres', '-D', data, '-R', '-c', 'fast', '--no-sync']
    execFileSync(join(programs.folder, 'pg_basebackup'), options, { ...user, cwd: '/' })
  }
  const options = writeSettings({ ...SETTINGS, unix_socket_directories: folder, ...settings })
  let server: ReturnType<typeof spawn>
  let exited: Promise<unknown>
  let guard: ReturnType<typeof spawn> | undefined

  async function start (): Promise<void> {
    const isWithin = within.length > 0 && user !== undefined
    const changeUser = isWithin ? ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : []
    const program = [join(programs.folder, 'postgres'), '-D', data, ...options]
    const [command, ...args] = [...within, ...changeUser, ...program]
    server = spawn(command!, args, {
      ...!isWithin && user,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C' }
    })
    exited = once(server, 'exit')
    guard?.kill()
    guard = guardProcess(server.pid!, 'QUIT', folder)
    await untilReady('PostgreSQL', server.stderr!, READY)
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
      await admin.query(`CREATE DATABASE ${database} ${strategy}`)
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

function hasRoom (): boolean {
  if (!existsSync(MEMORY)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= MEMORY_BYTES
}

/** Copies an empty cluster, which the first test on a machine creates. */
function copyTemplate (programs: PostgresPrograms, user: User | undefined, data: string): void {
  const template = join(tmpdir(), `larder-postgres-template-${programs.version}-${user?.uid ?? process.getuid!()}`)
  if (!existsSync(template)) {
    const folder = mkdtempSync(`${template}-`)
    if (user !== undefined) chownSync(folder, user.uid, user.gid)
    createCluster(programs, user, folder, '--no-sync')
    try {
      renameSync(folder, template)
    } catch {
      rmSync(folder, { recursive: true }) // another test was faster
    }
  }
  if (user === undefined) return cpSync(template, data, { recursive: true })
  execFileSync('cp', ['-r', template, data], { ...user, cwd: '/' })
}
