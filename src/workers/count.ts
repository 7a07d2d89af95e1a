import { availableParallelism } from 'node:os'

/** Parses the number of workers: `auto` is one for each core, an empty text one. NaN for anything else. */
export function parseWorkers (text: string = ''): number {
  if (text.trim() === '') return 1
  if (text === 'auto') return availableParallelism()
  return /^[1-9]\d{0,2}$/.test(text) ? Number(text) : NaN
}
