import type { Test } from 'tap'
import type { DatabaseKind } from '../product-databases.ts'
import { api } from './api.ts'
import { apiValidation } from './api-validation.ts'
import { confirmations } from './confirmations.ts'
import { failures } from './failures.ts'
import { forms } from './forms.ts'
import { limits } from './limits.ts'
import { pages } from './pages.ts'
import { positions } from './positions.ts'
import { buildService, type Part } from './service.ts'
import { unstorableText } from './unstorable-text.ts'

const PARTS: readonly Part[] = [api, apiValidation, limits, positions, pages, forms, confirmations, unstorableText]

/**
 * Tests the API and the pages of the products over a kind of database. All tests share one service.
 *
 * @param more tests with this kind alone
 */
export async function productsHttpContract (t: Test, kind: DatabaseKind, more: readonly Part[]): Promise<void> {
  const setUp = await buildService(t, kind)
  for (const part of [...PARTS, ...more]) await t.test(`${part.name} with ${kind.name}`, (t) => part(t, setUp))
  await t.test(`failures of ${kind.name}`, (t) => failures(t, kind))
}
