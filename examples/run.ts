import { execFile, type ExecFileException } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

/*
 * Runs the tests of examples as a stranger would: each in an empty directory, with the packed package. TypeScript and
 * Node are those of this repository. Arguments: the names of the examples.
 */

const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '..')
const manifest = readFileSync(join(root, 'package/manifest.json'), 'utf8')
const { name, version, exports } = JSON.parse(manifest) as Record<'name' | 'version', string> & { exports: object }
const tarball = join(root, 'artifacts', `${name}-${version}.tgz`)
if (!existsSync(tarball)) throw new Error(`${tarball} is missing. Run \`make package\`.`)

await Promise.all(process.argv.slice(2).map(runExample))

async function runExample (example: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `larder-${example}-`))
  const filter = (path: string) => !path.includes('node_modules', import.meta.dirname.length)
  try {
    cpSync(join(import.meta.dirname, example), folder, { recursive: true, filter })
    const installed = await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball], folder)
    const checked = existsSync(join(folder, 'tsconfig.json')) ? await checkTypes(folder) : undefined
    const tested = await run('npm', ['test', '--silent'], folder)
    const types = checked === undefined ? '' : `, types checked in ${checked.seconds} s`
    console.log(`${example}: installed in ${installed.seconds} s${types}, tested in ${tested.seconds} s`)
    console.log(tested.output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Checks the types of an example, and those of all entry points with `skipLibCheck: false`, as strict users do. Those
 * need the types of all peers.
 */
async function checkTypes (folder: string) {
  const checked = await run('tsc', ['-p', '.'], folder)
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
  writeFileSync(join(folder, 'entries.ts'), entries.map((entry) => `import '${name}${entry.slice(1)}'\n`).join(''))
  const flags = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', 'false', '--types', 'node']
  for (const [module, resolution] of [['nodenext', 'nodenext'], ['esnext', 'bundler']] as const) {
    await run('tsc', [...flags, '--module', module, '--moduleResolution', resolution, 'entries.ts'], folder)
  }
  return checked
}

/** Runs a program, and returns how long it took and what it printed. */
async function run (program: string, args: readonly string[], cwd: string) {
  const startedAt = performance.now()
  const { stdout } = await execute(program, args, { cwd }).catch((error: ExecFileException) => {
    console.error(`${program} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
    throw error
  })
  return { seconds: ((performance.now() - startedAt) / 1000).toFixed(1), output: stdout }
}
