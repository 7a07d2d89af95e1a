import { parentPort, workerData } from 'node:worker_threads'
import { type ConnectionOptions, openConnection } from './connection.ts'
import type { Reply } from './sql-worker.ts'
import { type Statement, StatementRunner } from './statement-runner.ts'

/* A worker thread with one connection. It runs one statement after another; `null` closes it. */

const options = workerData as ConnectionOptions
const connection = openConnection(options)
const runner = new StatementRunner(connection, options.role === 'writer')

parentPort!.on('message', (statement: Statement | null) => {
  if (statement === null) {
    connection.close()
    parentPort!.close()
    return
  }
  parentPort!.postMessage(reply(statement))
})

function reply (statement: Statement): Reply {
  try {
    const result = runner.run(statement)
    return { result, inTransaction: runner.inTransaction }
  } catch (error) {
    // The copy of an error has no properties of its own.
    const { code } = error as { code?: string }
    return { error: error as Error, ...code !== undefined && { code }, inTransaction: runner.inTransaction }
  }
}
