import cluster from 'node:cluster'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import './fast-imports.ts'

// Keeps compiled modules for the next start. Without the right to write there, each start compiles them.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)))
// Static imports would be loaded before both of these have an effect.
const { parseWorkers } = await import('./workers/count.ts')
const { connectPeers } = await import('./workers/peers.ts')

/** Milliseconds that a shutdown may take. Longer than the slowest response that may be in flight. */
const SHUTDOWN_MS = 20_000

/** Commands that only prepare the database. Every start of the service does the same. */
const COMMANDS = ['migrate', 'seed']

/** The channel to the other workers, if this process is one of several. */
const channel = cluster.isWorker ? connectPeers(process, process.exit) : undefined

async function main (args: string[]): Promise<void> {
  const [command] = args
  if (command !== undefined && (args.length > 1 || !COMMANDS.includes(command))) {
    throw new Error(`Unknown command "${args.join(' ')}". Usage: node src/server.ts [${COMMANDS.join(' | ')}]`)
  }
  // Before the rest of the configuration, which the workers check, so that this process stays small.
  const workers = parseWorkers(process.env.WORKERS)
  if (command === undefined && workers > 1 && cluster.isPrimary) return await servePrimary(workers)
  const { loadConfig } = await import('./config.ts')
  const config = loadConfig(process.env)
  if (command === 'migrate') {
    const { openDatabase } = await import('./db/index.ts')
    const database = await openDatabase(config.DATABASE_URL, { onWarning: console.warn })
    return await database.close()
  }
  const { buildApp } = await import('./app.ts')
  const app = await buildApp(config, channel && { peers: channel })
  if (command === undefined) await serve(app, config)
  else await app.close()
}

async function serve (app: FastifyInstance, { HOST: host, PORT: port }: Config): Promise<void> {
  // Fastify would log one line for each address. We log one line when everything is ready, at any log level.
  const { level } = app.log
  app.log.level = 'silent'
  try {
    channel?.send({ type: 'join' })
    const address = await app.listen({ host, port })
    const { close } = closeWithGrace({ delay: SHUTDOWN_MS, logger: app.log }, async ({ err }) => {
      if (channel !== undefined) {
        channel.onStop = undefined
        channel.send({ type: 'leave' })
      }
      if (err) app.log.fatal({ err }, 'closing after an error')
      await app.close()
    })
    app.log.level = level
    if (channel === undefined) app.log.child({}, { level: 'info' }).info(`listening on ${address}`)
    else {
      channel.onStop = close
      channel.send({ type: 'listening', address })
    }
  } catch (error) {
    await app.close()
    const { ListenError } = await import('./errors.ts')
    throw new ListenError(host, port, (error as Error).message)
  }
}

/** Starts the workers, which serve. This process only watches them, and does not even load the service. */
async function servePrimary (count: number): Promise<void> {
  const { createLog } = await import('./workers/log.ts')
  const { startWorkers } = await import('./workers/primary.ts')
  const { LOG_LEVEL, PORT, REDIS_URL = '' } = process.env
  const log = createLog(LOG_LEVEL)
  const { address, stop } = await startWorkers({
    count, log, fork: (port) => cluster.fork({ PORT: port ?? PORT })
  })
  closeWithGrace({ delay: SHUTDOWN_MS + 1_000, logger: log }, async ({ err }) => {
    if (err) log.error(err)
    await stop()
  })
  if (REDIS_URL.trim() === '') {
    log.warn(`${count} workers without REDIS_URL: each has a cache of its own, and loads for itself`)
  }
  log.always(`listening on ${address}`)
}

main(process.argv.slice(2)).catch((error: Error) => {
  if (channel === undefined) process.stderr.write(`larder: ${error.message}\n`)
  else channel.send({ type: 'failed', message: error.message })
  process.exitCode = 1
  channel?.close()
})
