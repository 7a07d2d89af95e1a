import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian keeps the programs of each version in a folder of its own. */
const VERSIONS = '/usr/lib/postgresql'
/** The oldest version that the clock supports. */
const OLDEST = 14

/** The programs of PostgreSQL. */
export interface PostgresPrograms {
  readonly folder: string
  /** The first part of the version, e.g. 15. */
  readonly version: number
}

/** A user of the system. */
export interface User {
  readonly uid: number
  readonly gid: number
}

/** Finds the programs of the newest PostgreSQL that is installed. Throws a sentence that names what to install. */
export function findPrograms (): PostgresPrograms {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : []
  const folders = versions.map((version) => join(VERSIONS, version, 'bin'))
  const folder = [...folders, ...(process.env.PATH ?? '').split(delimiter)]
    .find((path) => existsSync(join(path, 'initdb')))
  if (folder !== undefined) {
    const text = execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8', cwd: '/' })
    const version = Number(/\d+/.exec(text)?.[0])
    if (version >= OLDEST) return { folder, version }
  }
  throw new Error(
    `PostgreSQL ${OLDEST} or newer is missing. Install the package postgresql (Debian, Ubuntu, Homebrew).`)
}

/** Returns the user that runs PostgreSQL if this process is root's, since it refuses to run as root. */
export function findUser (): User | undefined {
  if (process.getuid!() !== 0) return undefined
  const read = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: read('-u'), gid: read('-g') }
}

/** Creates an empty cluster, whose superuser `postgres` needs no password. Its folder has to belong to the user. */
export function createCluster (
  { folder }: PostgresPrograms, user: User | undefined, data: string, ...more: string[]
): void {
  const options = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', ...more]
  execFileSync(join(folder, 'initdb'), options, { ...user, cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Returns the arguments of `postgres` that set these. */
export function writeSettings (settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** The line of the server's log that says that it accepts connections. */
export const READY = /ready to accept (?:read-only )?connections/
