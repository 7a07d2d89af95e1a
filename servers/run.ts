import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, chmodSync, createWriteStream, existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { endProcess, guardProcess, untilReady } from './guard.ts'
import { createCluster, findPrograms, findUser, READY, type User, writeSettings } from './postgres.ts'

/*
 * Serves on a private PostgreSQL and a private Redis, whose data stays in var/. All of them end together. They listen
 * on Unix sockets only, in folders that no other user can enter.
 */

/** The folder for all data: the argument, or var/ of the checkout. */
const VAR = resolve(process.argv[2] ?? fileURLToPath(new URL('../var', import.meta.url)))
const DATABASE = 'larder'
/** Bytes that a socket's path may have, and the characters that URLs can have as they are. */
const MAX_SOCKET_PATH = 100
const PLAIN_PATH = /^[\w./~+-]+$/

/** What has been started, the first one first. */
const servers: Array<{ child: ChildProcess, signal: NodeJS.Signals }> = []
let isEnding = false

/** Starts a program that does not get the signals of the terminal: it ends when those that need it have ended. */
function start (signal: NodeJS.Signals, program: string, args: readonly string[], options: object): ChildProcess {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...options })
  servers.push({ child, signal })
  if (child.pid !== undefined) {
    const guard = guardProcess(child.pid, signal.slice('SIG'.length))
    child.once('exit', () => guard.kill())
  }
  return child
}

/** Creates a folder that only its owner can enter. */
function makeFolder (path: string, owner?: User): string {
  mkdirSync(path, { recursive: true })
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
  chmodSync(path, 0o700)
  return path
}

/** Returns a folder for a socket: the given one, or a new one if its path cannot be used. */
function makeSocketFolder (path: string, owner?: User): string {
  const isUsable = Buffer.byteLength(join(path, '.s.PGSQL.5432')) <= MAX_SOCKET_PATH && PLAIN_PATH.test(path)
  return makeFolder(isUsable ? path : mkdtempSync(join(tmpdir(), 'larder-')), owner)
}

/** @returns the value of DATABASE_URL */
async function startPostgres (): Promise<string> {
  const programs = findPrograms()
  const user = findUser()
  const folder = makeFolder(join(VAR, `postgres-${programs.version}`), user)
  checkAccess(folder, user)
  const data = join(folder, 'data')
  if (!existsSync(data)) createCluster(programs, user, data)
  const socket = makeSocketFolder(folder, user)
  const child = start('SIGINT', join(programs.folder, 'postgres'), [
    '-D', data, ...writeSettings({ unix_socket_directories: socket, listen_addresses: '', port: '5432' })
  ], { ...user, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C' } })
  await untilReady('PostgreSQL', child.stderr!, READY)
  child.stderr!.pipe(createWriteStream(join(folder, 'log'), { flags: 'a' }))
  await createDatabase(socket)
  return `postgres://postgres@/${DATABASE}?host=${socket}`
}

/** Root may enter all folders, and the user that runs PostgreSQL may not. */
function checkAccess (folder: string, user: User | undefined): void {
  try {
    execFileSync('test', ['-w', folder], { ...user, cwd: '/' })
  } catch {
    throw new Error(`The user postgres cannot enter ${folder}, since a folder above it is closed to others. ` +
      'Move the checkout, or run this as another user than root.')
  }
}

async function createDatabase (host: string): Promise<void> {
  const client = new pg.Client({ host, user: 'postgres', database: 'postgres' })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`)
  } finally {
    await client.end()
  }
}

/** @returns the value of REDIS_URL */
async function startRedis (): Promise<string> {
  const folder = makeFolder(join(VAR, 'redis'))
  const socket = join(makeSocketFolder(folder), 'socket')
  const child = start('SIGTERM', 'redis-server', [
    '--port', '0', '--unixsocket', socket, '--unixsocketperm', '700', '--dir', folder, '--save', '300 1'
  ], {})
  child.once('error', () => {})
  await untilReady('Redis', child.stdout!, /ready to accept connections/i).catch((error) => {
    if (child.pid === undefined) {
      throw new Error('redis-server is missing. Install the package redis-server (Debian, Ubuntu) or redis (Homebrew).')
    }
    throw error
  })
  return `unix://${socket}`
}

/** Ends the service, then what it needs. */
async function end (): Promise<void> {
  if (isEnding) return
  isEnding = true
  for (const { child, signal } of servers.reverse()) await endProcess(child, signal)
}

async function main (): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { end() })
  try {
    const env = { ...process.env, DATABASE_URL: await startPostgres(), REDIS_URL: await startRedis() }
    if (isEnding) return
    const server = fileURLToPath(new URL('../src/server.ts', import.meta.url))
    const service = start('SIGTERM', process.execPath, [server], { stdio: 'inherit', env })
    const [code] = await once(service, 'exit')
    process.exitCode = code ?? 1
  } catch (error) {
    if (isEnding) return
    process.stderr.write(`larder: ${(error as Error).message}\n`)
    process.exitCode = 1
  } finally {
    await end()
  }
}

await main()
