import { spawnSync } from 'node:child_process'

/** Server and client have a core each, so that the kernel does not move them between two measurements. */
export const SERVER_CORE = 0
export const CLIENT_CORE = 1

function canPinTo (core: number): boolean {
  return spawnSync('taskset', ['-c', String(core), process.execPath, '--version']).status === 0
}

/** Whether programs can be pinned to cores. That needs `taskset` and two cores. */
export const hasCores = canPinTo(SERVER_CORE) && canPinTo(CLIENT_CORE)

/** Returns a program and its arguments that run on one core, if programs can be pinned. */
export function pinToCore (core: number, program: string, args: string[]): [program: string, args: string[]] {
  return hasCores ? ['taskset', ['-c', String(core), program, ...args]] : [program, args]
}
