import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { hasCores } from './cores.ts'
import { hasWrk } from './load.ts'

const FILE = new URL('../results.json', import.meta.url)

/** Writes what a part has measured beside what others have, for programs that read it. */
export function writeResults (part: string, results: object): void {
  const before = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {}
  const run = {
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim(),
    pinned: hasCores,
    load: hasWrk ? 'wrk' : 'a loop of our own'
  }
  writeFileSync(FILE, `${JSON.stringify({ ...before, [part]: { run, ...results } }, null, 2)}\n`)
}

/** Writes a plot beside the programs. */
export function writePlot (name: string, svg: string): void {
  writeFileSync(new URL(`../${name}`, import.meta.url), svg)
}
