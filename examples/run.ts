import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/*
 * Runs the tests of the examples as a stranger would: each in an empty directory, with the packed package.
 */

const root = resolve(import.meta.dirname, '..')
const manifest = readFileSync(join(root, 'package/manifest.json'), 'utf8')
const { name, version } = JSON.parse(manifest) as { name: string, version: string }
const tarball = join(root, 'artifacts', `${name}-${version}.tgz`)
if (!existsSync(tarball)) throw new Error(`${tarball} is missing. Run \`make package\`.`)

const examples = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) => entry.isDirectory())
for (const { name: example } of examples) {
  const folder = mkdtempSync(join(tmpdir(), `larder-${example}-`))
  try {
    cpSync(join(import.meta.dirname, example), folder, { recursive: true })
    const startedAt = performance.now()
    run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--silent', tarball], folder)
    console.log(`${example}: installed in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
    run('npm', ['test', '--silent'], folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run (command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}
