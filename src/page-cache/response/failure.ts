import { type SharedFailure, UpstreamFailure } from '../collapse.ts'
import { matchRequestVary, type PageCacheContext } from '../context.ts'
import { parseVary } from '../http/vary.ts'
import { readStatusMessage } from '../reply-headers.ts'
import { type PreparedPage, readPage } from '../stored-response.ts'
import type { HandlerResponse } from './handler-response.ts'
import { isSharedFailure } from './policy.ts'
import { selectPrintedHeaders, selectStoredHeaders } from './stored-headers.ts'

/**
 * Ends a load with the failure of its handler: waiting requests get the failure, or a stale response.
 *
 * @returns the stale response that is served in place of the failure, if one may be, and whether waiting requests may
 *   get the failure
 */
export async function failLoad (
  ctx: PageCacheContext, response: HandlerResponse
): Promise<{ stale: PreparedPage | undefined, isShared: boolean }> {
  const shared = shareFailure(ctx, response)
  const result = await response.task.load.fail(new UpstreamFailure(response.code, shared)).catch(() => undefined)
  const stale = result?.stale && result.entry !== undefined ? readPage(result.entry) : undefined
  return { stale, isShared: shared !== undefined }
}

/** Returns the failure as other requests may get it; undefined if it may concern this request only. */
function shareFailure (
  ctx: PageCacheContext, { code, headers, body, run }: HandlerResponse
): SharedFailure | undefined {
  const { headerTracker, customKey } = ctx
  const { readAll, unkeyedRead, mayHaveMissed, readByName, keyHeaders } = headerTracker
  const mayBePersonal = readAll || unkeyedRead !== undefined || mayHaveMissed
  if (!Buffer.isBuffer(body) || mayBePersonal || !isSharedFailure(code, headers)) return undefined
  const varyNames = [...new Set([...parseVary(headers.vary), ...readByName, ...keyHeaders])]
  const { headers: stored, hookHeaders, removed } = selectStoredHeaders(headers, run.before)
  const statusMessage = readStatusMessage(ctx.reply)
  return {
    ...statusMessage !== undefined && { statusMessage },
    headers: { ...selectPrintedHeaders(hookHeaders, body), ...stored, 'cache-control': 'no-store' },
    removed,
    body,
    customKey,
    varyMatch: matchRequestVary(ctx, varyNames)
  }
}
