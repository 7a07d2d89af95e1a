import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { findLarder } from '../access/find-larder.ts'
import { HIDDEN_SCHEMA } from '../access/hidden-schema.ts'
import { requireToken } from '../access/require-token.ts'
import { openStats } from '../metrics/open-stats.ts'
import { ASSET_NAMES, readAsset } from './assets.ts'
import { findBaseUrl } from './base-url.ts'
import { ExplainError } from './errors.ts'
import { explainQuery, type ExplainQuery, parseExplainQuery, parseForm } from './explain.ts'
import { admit } from './admit.ts'
import { EventStream } from './live/event-stream.ts'
import { RecentInvalidations } from './live/recent-invalidations.ts'
import { TimeSeries } from './live/time-series.ts'
import { checkDashboardOptions, type DashboardOptions } from './options.ts'
import { purgeFor } from './purge.ts'
import { prepareResponses, REVALIDATE, sendHtml, sendJson } from './responses.ts'
import { type Figures, renderFigures } from './view/figures.ts'
import { type Frame, renderPage } from './view/page.ts'
import { createViewModel } from './view/view-model.ts'

export type { DashboardOptions }

const SAMPLE_MS = 1_000
/** The longest body of a purge. */
const MAX_PURGE_BYTES = 16 * 1024
const schema = HIDDEN_SCHEMA

const plugin: FastifyPluginAsync<DashboardOptions> = async (app, options) => {
  checkDashboardOptions(options)
  const { cache, explain } = findLarder(app)
  const { figures, events } = watchCache(app, options)
  const findFrame = (request: FastifyRequest): Frame =>
    ({ base: findBaseUrl(request, app.prefix), links: options.links ?? {} })
  const explainFor = async ({ protocol, host }: FastifyRequest, query: ExplainQuery) =>
    await explainQuery(query, { cache, explain, origin: `${protocol}://${host}` })

  app.addHook('onRequest', admit(options, app.prefix))
  prepareResponses(app, findFrame)

  app.get('/', { schema }, async (request, reply) => {
    let query: ExplainQuery | undefined
    let explanation
    let error
    try {
      query = parseForm(readQuery(request))
      // An empty form was sent if it is in the URL, so the answer says what is missing.
      if (readQuery(request) !== '') explanation = await explainFor(request, query)
    } catch (failure) {
      if (!(failure instanceof ExplainError)) throw failure
      reply.code(failure.statusCode!)
      error = failure.message
    }
    return sendHtml(reply, renderPage(findFrame(request), { ...figures(), query, explanation, error }))
  })

  app.get('/explain', { schema }, async (request, reply) => {
    return sendJson(reply, await explainFor(request, parseExplainQuery(readQuery(request))))
  })

  app.get('/events', { schema, exposeHeadRoute: false }, (_request, reply) => {
    // nginx would collect events otherwise.
    reply.type('text/event-stream').header('x-accel-buffering', 'no').send(events.connect(reply.raw))
  })

  app.get<{ Params: { '*': string } }>('/assets/*', { schema }, async ({ headers, params: { '*': name } }, reply) => {
    if (!ASSET_NAMES.includes(name)) return reply.callNotFound()
    const { type, body, etag } = await readAsset(name)
    reply.type(type).headers({ etag, 'cache-control': REVALIDATE })
    return headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(body)
  })

  if (options.token !== undefined) addPurge(app, options.token)
}

/** Counts, samples and lists what happens in the cache until the application closes. */
function watchCache (
  app: FastifyInstance, { gauges = [] }: DashboardOptions
): { figures: () => Figures, events: EventStream } {
  const { cache } = app.larder
  const stats = openStats(cache, (close) => app.addHook('onClose', async () => close()))
  const invalidations = new RecentInvalidations(cache, () => events.notifyChange())
  const figures = () => createViewModel(stats, invalidations.list, gauges)
  const events: EventStream = new EventStream(new TimeSeries(stats), stats, () => renderFigures(figures()).text)
  const interval = setInterval(() => events.tick(), SAMPLE_MS).unref()
  app.addHook('preClose', async () => {
    clearInterval(interval)
    events.close()
    invalidations.close()
  })
  return { figures, events }
}

/** Adds the route that purges. It takes JSON only, which no form of another site can send. */
function addPurge (app: FastifyInstance, token: string): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
  const onRequest = requireToken(token)
  app.post('/purge', { schema, onRequest, bodyLimit: MAX_PURGE_BYTES }, async ({ body }, reply) => {
    return sendJson(reply, await purgeFor(body, app.larder.purge))
  })
}

/** Reads the query of the URL. The application may parse queries in a way of its own. */
function readQuery ({ url }: FastifyRequest): string {
  return url.includes('?') ? url.slice(url.indexOf('?') + 1) : ''
}

/** A page that shows what `app.larder` does, explains requests, and deletes entries. */
export const dashboard = fp(plugin, { fastify: '5.x', name: 'fastify-larder-dashboard', encapsulate: true })
