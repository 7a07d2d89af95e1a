import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { compileBody, type Validator } from '../validation.ts'
import { parseBody } from './parse.ts'

/* The thread of a `JsonThread`. */

/** By the JSON of the schema. */
const validators = new Map<string, Validator>()
const items = workerData as MessagePort

parentPort!.on('message', (message: { bytes: Uint8Array, schema: string | undefined } | null) => {
  if (message === null) {
    items.close()
    return parentPort!.close()
  }
  const { bytes, schema } = message
  const validate = schema === undefined ? undefined : findValidator(schema)
  parentPort!.postMessage(parseBody(bytes, validate, (batch) => items.postMessage(batch)))
})

function findValidator (schema: string): Validator {
  const validate = validators.get(schema) ?? compileBody(JSON.parse(schema))
  validators.set(schema, validate)
  return validate
}
