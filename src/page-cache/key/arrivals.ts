import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import { type CallbackFunc, inject as injectRequest, type InjectOptions, isInjection } from 'light-my-request'
import { trackSubscribers } from './diagnostics.ts'
import { findInternal } from './fastify-internals.ts'
import { HeaderTracker } from './header-tracking.ts'
import { ignoreLog } from './log.ts'
import { makeRequestsObservable } from './tracked-message.ts'
import { makeResponsesObservable } from './tracked-response.ts'

/** Marks servers and applications whose requests are tracked. */
const IS_TRACKED = Symbol('larder.is-tracked')

type Server = FastifyInstance['server'] & { [IS_TRACKED]?: true }
type Root = FastifyInstance & { [IS_TRACKED]?: true }

/** Events of a server with which a request arrives. */
const ARRIVALS: ReadonlySet<unknown> = new Set(['request', 'checkContinue', 'checkExpectation'])

/**
 * Tracks every request from its arrival on, before code of the application can read it.
 *
 * That code may be a listener of the server, a server of its own, `rewriteUrl`, a constraint or a hook. Requests arrive
 * from a server, or by `inject` and `routing` of the application.
 */
export function trackArrivals (app: FastifyInstance): void {
  makeResponsesObservable()
  trackSubscribers((server: Partial<Server>) => server[IS_TRACKED] === true)
  trackServer(app.server)
  trackInjections(findRoot(app))
  ignoreLog(app.log)
  // A server that listens on localhost has one server for each of its addresses.
  app.addHook('onListen', (done) => {
    /* c8 ignore next - on some machines localhost has one address only */
    for (const server of findInternal<Server[]>(app, 'fastify.serverBindings')) trackServer(server)
    done()
  })
}

/**
 * Adds a hook that runs before all others, also before those that were added earlier and those of older scopes.
 *
 * @param except a scope that does not get it, and neither do those below it; default none
 */
export function addFirstHook (app: FastifyInstance, hook: onRequestHookHandler, except?: FastifyInstance): void {
  if (app === except) return
  findInternal<{ onRequest: unknown[] }>(app, 'fastify.hooks').onRequest.unshift(hook)
  for (const scope of findInternal<FastifyInstance[]>(app, 'fastify.children')) addFirstHook(scope, hook, except)
}

/** Adds a first hook to all scopes of the application outside of this one. */
export function addFirstHookOutside (app: FastifyInstance, hook: onRequestHookHandler): void {
  addFirstHook(findRoot(app), hook, app)
}

/** Runs the hooks of a route as far as they are synchronous. Then other listeners of the server may follow. */
export function runHooks (tracker: HeaderTracker, run: () => void): void {
  const { isArriving } = tracker
  tracker.isArriving = false
  try {
    run()
  } finally {
    tracker.isArriving = isArriving
  }
}

function trackServer (server: Server): void {
  if (server[IS_TRACKED] === true) return
  server[IS_TRACKED] = true
  makeRequestsObservable(server)
  const { emit } = server
  server.emit = function (this: Server, ...args: [event: string, ...args: unknown[]]) {
    if (!ARRIVALS.has(args[0])) return emit.apply(this, args as Parameters<typeof emit>)
    const tracker = HeaderTracker.track(args[1] as IncomingMessage, args[2] as object)
    tracker.isInNode = false
    tracker.isArriving = true
    try {
      return emit.apply(this, args as Parameters<typeof emit>)
    } finally {
      tracker.isArriving = false
    }
  } as typeof emit
}

function trackInjections (root: Root): void {
  if (root[IS_TRACKED] === true) return
  root[IS_TRACKED] = true
  const { inject, routing } = root
  const state = findInternal<{ started: boolean, closing: boolean }>(root, 'fastify.state')
  const route = (request: IncomingMessage, response: ServerResponse) => {
    HeaderTracker.track(request, response)
    routing(request, response)
  }
  // As in Fastify, whose own function leads past `routing`.
  const injectTracked = function (this: FastifyInstance, options: InjectOptions | string, callback?: CallbackFunc) {
    if (state.closing) return Reflect.apply(inject, this, [options, callback]) as unknown
    if (state.started) return injectRequest(route, options, callback!)
    return injectRequest((request, response) => {
      this.ready((error) => {
        if (error) response.emit('error', error)
        else route(request, response)
      })
    }, options, callback!)
  }
  Object.assign(root, { routing: route, inject: injectTracked })
}

interface Options {
  readonly rewriteUrl?: unknown
  readonly constraints?: unknown
  readonly routerOptions: { readonly constraints?: unknown }
}

/**
 * Whether the application may have read a request that was not tracked on its arrival.
 *
 * It cannot if the request was injected before the page cache was loaded, and nothing of the application runs between
 * the arrival of a request and its hooks.
 */
export function mayBeReadEarly (app: FastifyInstance, request: IncomingMessage): boolean {
  const { rewriteUrl, constraints, routerOptions } = findInternal<Options>(app, 'fastify.options')
  const { name } = findInternal<{ name: string }>(app, 'fastify.genReqId')
  return !isInjection(request) || name !== 'defaultGenReqId' ||
    [rewriteUrl, constraints, routerOptions.constraints].some((option) => option !== undefined)
}

function findRoot (app: FastifyInstance): FastifyInstance {
  let root = app
  while (!Object.hasOwn(root, 'inject')) root = Object.getPrototypeOf(root) as FastifyInstance
  return root
}
