import type { Test } from 'tap'
import type { CachePageOptions, ExplainQuestion } from '../../src/page-cache/index.ts'
import { type Handler, onePage, type Setting } from '../page-cache/one-page.ts'

/** A page, and what is said of a request for it. */
export async function explained (t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: Setting) {
  const page = await onePage(t, cachePage, handler, setting)
  const explain = async (question: Partial<ExplainQuestion> = {}) =>
    await page.app.explainPage({ url: '/page', ...question })
  const rule = async (question?: Partial<ExplainQuestion>) => (await explain(question)).outcome.rule
  return { ...page, explain, rule }
}
