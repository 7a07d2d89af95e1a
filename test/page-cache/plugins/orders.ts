import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache, { type PageCacheOptions } from '../../../src/page-cache/index.ts'
import { sendRequest, type TestResponse } from '../../support/create-test-app.ts'

export interface PluginApp {
  app: FastifyInstance
  get (url?: string, headers?: Record<string, string>, options?: InjectOptions): Promise<TestResponse>
}

export interface Parts {
  /** Registers the plugin that is tested. */
  plugin: (app: FastifyInstance) => unknown
  /** Declares the routes. */
  routes: (app: FastifyInstance) => unknown
  /** Whether the plugin itself needs to be loaded before the routes are declared. */
  isFirst?: boolean
  /** Of the page cache. */
  options?: Partial<PageCacheOptions>
  app?: () => FastifyInstance
}

interface Order {
  /** Whether the routes are declared before the plugin is loaded, so that its `onRoute` hooks miss them. */
  readonly isLate?: boolean
  declare (app: FastifyInstance, plugin: Register, cache: Register, routes: Parts['routes']): unknown
}

type Register = () => unknown

/** Orders in which an application may register a plugin, the page cache and its routes. */
const ORDERS: Record<string, Order> = {
  'before the page cache': {
    async declare (app, plugin, cache, routes) {
      await plugin()
      await cache()
      routes(app)
    }
  },
  'after the page cache': {
    async declare (app, plugin, cache, routes) {
      await cache()
      await plugin()
      routes(app)
    }
  },
  'after the page cache, without waiting, for routes in a scope': {
    declare (app, plugin, cache, routes) {
      cache()
      plugin()
      app.register(async (app) => { routes(app) })
    }
  },
  'before the page cache, without waiting': {
    isLate: true,
    declare (app, plugin, cache, routes) {
      plugin()
      cache()
      routes(app)
    }
  },
  'after the page cache, without waiting': {
    isLate: true,
    declare (app, plugin, cache, routes) {
      cache()
      plugin()
      routes(app)
    }
  },
  'before the routes, and the page cache after them': {
    async declare (app, plugin, cache, routes) {
      await plugin()
      routes(app)
      await cache()
    }
  }
}

/** Runs a test for each order in which a plugin can be registered. */
export function inEachOrder (
  t: Test, name: string, { plugin, routes, isFirst = false, options, app: create = Fastify }: Parts,
  run: (t: Test, created: PluginApp) => Promise<void>
): void {
  t.test(name, async (t) => {
    for (const [order, { isLate = false, declare }] of Object.entries(ORDERS)) {
      if (isLate && isFirst) continue
      await t.test(`registered ${order}`, async (t) => {
        const app = create()
        t.teardown(() => app.close())
        const store = memoryStore()
        const cache = () => app.register(pageCache, { cache: createCache({ store }), ttl: 60, ...options })
        await declare(app, () => plugin(app), cache, routes)
        await app.ready()
        await run(t, {
          app,
          get: async (url = '/page', headers = {}, options = {}) => await sendRequest(app, { url, headers, ...options })
        })
      })
    }
  })
}

/** Declares /page, which is cached and sends the number of the call. */
export function declarePage (app: FastifyInstance): void {
  let calls = 0
  app.get('/page', { config: { cachePage: {} } }, async () => `call ${++calls}`)
}
