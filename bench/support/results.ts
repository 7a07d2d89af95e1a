import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { hasCores } from './cores.ts'
import { hasWrk } from './load.ts'

const FILE = new URL('../results.json', import.meta.url)

/** Writes the results of one part to results.json, and keeps those of the other parts. */
export function writeResults (part: string, results: object): void {
  const before = existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {}
  const run = {
    date: new Date().toISOString(),
    node: process.version,
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim(),
    pinned: hasCores,
    load: hasWrk ? 'wrk' : 'our own loop'
  }
  writeFileSync(FILE, `${JSON.stringify({ ...before, [part]: { run, ...results } }, null, 2)}\n`)
}

/** Writes a plot to bench/. `undefined`: it could not be drawn, and the old one stays. */
export function writePlot (name: string, svg: string | undefined): void {
  if (svg === undefined) process.stderr.write(`bench/${name} is not drawn: echarts is not installed in bench/peers\n`)
  else writeFileSync(new URL(`../${name}`, import.meta.url), svg)
}
