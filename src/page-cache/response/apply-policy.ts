import { checkTags, collectReads, limitTime } from '../../cache/index.ts'
import type { PageCacheContext } from '../context.ts'
import { isCoveredByKey } from '../key/key.ts'
import type { FindTags } from '../options.ts'
import type { HandlerResponse } from './handler-response.ts'
import { decideStorage, type StorageDecision } from './policy.ts'

/**
 * Decides by the policy whether the response of a handler may be stored, and lets the route name its tags if so.
 *
 * @param now milliseconds since 1970
 * @param maxWaitMs milliseconds for which the response waits for its tags
 */
export async function applyPolicy (
  ctx: PageCacheContext, response: HandlerResponse, now: () => number, maxWaitMs: number
): Promise<StorageDecision> {
  const decision = decideNow(ctx, response, now)
  const { findTags } = ctx.route
  if (findTags === undefined || !decision.store) return decision
  const tags = await nameTags(ctx, findTags, maxWaitMs)
  if (tags === undefined) return { store: false, reason: 'tags-failed' }
  ctx.tags = tags
  // The response also depends on what was read to name its tags.
  return decideNow(ctx, response, now)
}

function decideNow (
  { request, route, headerTracker }: PageCacheContext, { code, headers, ownVary, body, run }: HandlerResponse,
  now: () => number
): StorageDecision {
  return decideStorage({
    route,
    status: code,
    headers,
    ownVary,
    size: Buffer.isBuffer(body) ? body.length : Number(headers['content-length'] ?? 0),
    request: {
      headerTracker,
      headersRead: headerTracker.readByName.filter((name) => !isCoveredByKey(name, headerTracker, request))
    },
    requested: run.requested,
    received: now()
  })
}

/**
 * Returns the tags that the route names for a response; undefined if it fails to.
 *
 * A failure is logged and not thrown: the response itself is fine.
 */
async function nameTags (
  { request, reply, reads }: PageCacheContext, findTags: FindTags, maxWaitMs: number
): Promise<readonly string[] | undefined> {
  try {
    const found: Promise<unknown> = collectReads(reads, async () => await findTags(request, reply))
    const tags = await limitTime(found, maxWaitMs, `It takes longer than ${maxWaitMs / 1000} s.`)
    checkTags(tags)
    return [...tags]
  } catch (err) {
    request.log.error({ err }, 'The option tags of the route failed, so the response is not stored')
    return undefined
  }
}
