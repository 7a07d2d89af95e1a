import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { loadConfig } from './config.ts'

/**
 * Milliseconds that a shutdown may take: longer than the slowest answer under way.
 */
const SHUTDOWN_MS = 20_000

/** `node src/server.ts` serves; with the word `migrate` or `seed` it only prepares the database, as each start does. */
async function main (task: string | undefined): Promise<void> {
  const config = loadConfig(process.env)
  const app = await buildApp(config)
  if (task !== undefined) {
    await app.close()
    return
  }

  closeWithGrace({ delay: SHUTDOWN_MS, logger: app.log }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'closing after an error')
    await app.close()
  })
  // Fastify logs a line for each address; the one that says that all is ready is ours, and printed at any level.
  const quiet = app.log.level
  app.log.level = 'silent'
  const address = await app.listen({ host: config.HOST, port: config.PORT })
  app.log.level = quiet
  app.log.child({}, { level: 'info' }).info(`listening on ${address}`)
}

main(process.argv[2]).catch((error: Error) => {
  process.stderr.write(`larder: ${error.message}\n`)
  process.exitCode = 1
})
