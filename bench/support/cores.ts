import { spawnSync } from 'node:child_process'

/** Cores of their own, so that the kernel moves neither about between two measurements. */
export const SERVER_CORE = 0
export const CLIENT_CORE = 1

const runsOn = (core: number) => spawnSync('taskset', ['-c', String(core), process.execPath, '--version']).status === 0

/** Whether programs can be told where to run: where `taskset` is missing, or there is one core alone, the kernel decides. */
export const hasCores = runsOn(SERVER_CORE) && runsOn(CLIENT_CORE)

/** A program and its words, to be run on one core where that can be said. */
export function onCore (core: number, program: string, words: string[]): [program: string, words: string[]] {
  return hasCores ? ['taskset', ['-c', String(core), program, ...words]] : [program, words]
}
