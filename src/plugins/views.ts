import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import view from '@fastify/view'
import { Eta } from 'eta'
import fp from 'fastify-plugin'

const templates = fileURLToPath(new URL('../../templates', import.meta.url))
/** The assets of the dashboard: the pages of the service look and draw like it. */
const dashboardAssets = fileURLToPath(new URL('../dashboard/assets', import.meta.url))

/** The files of uPlot that browsers load, straight from the package. */
const UPLOT_FILES = ['/uPlot.esm.js', '/uPlot.min.css']
const uplot = fileURLToPath(new URL('.', import.meta.resolve('uplot/dist/uPlot.esm.js')))

/** `reply.viewAsync(name, data)` renders an Eta template, with values escaped. Assets are served at /assets/. */
export default fp(async (app) => {
  const eta = new Eta({ views: templates, autoEscape: true, cache: true })
  await app.register(view, { engine: { eta }, templates, production: true, asyncPropertyName: 'viewAsync' })
  const options = { maxAge: '1h', decorateReply: false }
  await app.register(fastifyStatic, { root: [`${templates}/assets`, dashboardAssets], prefix: '/assets/', ...options })
  await app.register(fastifyStatic, {
    root: uplot,
    prefix: '/assets/vendor/',
    allowedPath: (path) => UPLOT_FILES.includes(path),
    ...options
  })
}, { fastify: '5.x', name: 'larder-views' })
