import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import './fast-imports.ts'

// Keeps compiled modules for the next start. Without the right to write there, each start compiles them.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)))
// Static imports would be loaded before both of these have an effect.
const { loadConfig } = await import('./config.ts')
const { openDatabase } = await import('./db/index.ts')
const { ListenError } = await import('./errors.ts')

/** Milliseconds that a shutdown may take. Longer than the slowest response that may be in flight. */
const SHUTDOWN_MS = 20_000

/** Commands that only prepare the database. Every start of the service does the same. */
const COMMANDS = ['migrate', 'seed']

async function main (args: string[]): Promise<void> {
  const [command] = args
  if (command !== undefined && (args.length > 1 || !COMMANDS.includes(command))) {
    throw new Error(`Unknown command "${args.join(' ')}". Usage: node src/server.ts [${COMMANDS.join(' | ')}]`)
  }
  const config = loadConfig(process.env)
  if (command === 'migrate') return openDatabase(config.DATABASE_URL).close()
  const { buildApp } = await import('./app.ts')
  const app = await buildApp(config)
  if (command === undefined) await serve(app, config)
  else await app.close()
}

async function serve (app: FastifyInstance, { HOST: host, PORT: port }: Config): Promise<void> {
  // Fastify would log one line for each address. We log one line when everything is ready, at any log level.
  const { level } = app.log
  app.log.level = 'silent'
  try {
    const address = await app.listen({ host, port })
    closeWithGrace({ delay: SHUTDOWN_MS, logger: app.log }, async ({ err }) => {
      if (err) app.log.fatal({ err }, 'closing after an error')
      await app.close()
    })
    app.log.level = level
    app.log.child({}, { level: 'info' }).info(`listening on ${address}`)
  } catch (error) {
    await app.close()
    throw new ListenError(host, port, (error as Error).message)
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`larder: ${error.message}\n`)
  process.exitCode = 1
})
