import type { Test } from 'tap'
import { isMiss, type Miss } from '../../src/cache/index.ts'

export async function expectMiss (t: Test, found: unknown): Promise<Miss> {
  const miss = await found as Miss
  t.ok(isMiss(miss))
  return miss
}
