import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { createTestApp, type Handler, sendRequest, type TestAppOptions } from '../../support/create-test-app.ts'

export type { Handler }

/** Creates an app with one cached route at /page, and makes it ready. */
export async function site (
  t: Test, cachePage: CachePageOptions | number, handler?: Handler, options: TestAppOptions = {}
) {
  const created = await createTestApp(t, cachePage, handler, options)
  await created.app.ready()
  return created
}

/** Requests /page; the status begins with the name of the cache. */
export async function ask (app: FastifyInstance, headers: Record<string, string> = {}) {
  const response = await sendRequest(app, { url: '/page', headers })
  return { ...response, status: String(response.headers['cache-status']) }
}
