import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { openDatabase } from './db/index.ts'
import { ListenError } from './errors.ts'

/**
 * Milliseconds that a shutdown may take: longer than the slowest answer under way.
 */
const SHUTDOWN_MS = 20_000

/** Words after `node src/server.ts` that only prepare the database, as each start does. */
const TASKS = ['migrate', 'seed']

async function main (words: string[]): Promise<void> {
  if (words.length > 0 && !(words.length === 1 && TASKS.includes(words[0]!))) {
    throw new Error(`"${words.join(' ')}" is none of its words: ${TASKS.join(', ')}, or none to serve`)
  }
  const config = loadConfig(process.env)
  if (words[0] === 'migrate') return openDatabase(config.DATABASE_URL).close()
  const app = await buildApp(config)
  if (words.length === 0) await serve(app, config)
  else await app.close()
}

async function serve (app: FastifyInstance, { HOST: host, PORT: port }: Config): Promise<void> {
  // Fastify logs a line for each address; the one that says that all is ready is ours, and printed at any level.
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
