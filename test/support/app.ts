import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { buildApp, type Overrides } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'

/** Builds the whole service, silent, with a database of its own and an upstream without delay. */
export async function testApp (
  t: Test, env: Record<string, string> = {}, overrides: Overrides = {}
): Promise<FastifyInstance> {
  const config = loadConfig({ DATABASE_URL: 'file::memory:', HTTPBIN_DELAY: '0', LOG_LEVEL: 'silent', ...env })
  const app = await buildApp(config, overrides)
  t.teardown(() => app.close())
  return app
}
