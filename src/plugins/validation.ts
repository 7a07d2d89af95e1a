import { Ajv, type ErrorObject } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'

/** A pattern with an error message of its own. */
export const NOT_BLANK = '\\S'
/** A format of strings: a safe positive integer in plain decimal, so that 0x1 and 1e0 are errors. */
export const POSITIVE_INTEGER = 'positive-integer'

const options = { removeAdditional: false, useDefaults: true, allErrors: false } as const
// A URL has only text, so numbers in it are parsed. In a body, "1" is not a number.
const urlAjv = new Ajv({
  ...options,
  coerceTypes: 'array',
  strictNumbers: false, // otherwise 1e400, which is read as Infinity, would pass without a check of its range
  formats: { [POSITIVE_INTEGER]: (text) => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text)) }
})
const bodyAjv = new Ajv(options)

/** Strict validation: unknown fields and wrong types are errors, and the message names the field. */
export default fp((app, _options, done) => {
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? bodyAjv : urlAjv).compile(schema as object))
  app.setSchemaErrorFormatter((errors, part) => new Error(formatMessage(selectError(errors), part)))
  done()
}, { fastify: '5.x', name: 'larder-validation' })

/**
 * Selects the error to report, out of those for all alternatives of an `anyOf`.
 *
 * The error deepest in the data belongs to the alternative that the client meant.
 */
function selectError (errors: FastifySchemaValidationError[]): FastifySchemaValidationError {
  const rank = ({ instancePath, keyword }: FastifySchemaValidationError) => {
    return 2 * instancePath.split('/').length - (keyword === 'anyOf' ? 2 : keyword === 'type' ? 1 : 0)
  }
  return errors.reduce((best, error) => rank(error) > rank(best) ? error : best)
}

function formatMessage (error: FastifySchemaValidationError, part: string): string {
  const { instancePath, keyword, params, message } = error
  const field = part + instancePath
  const { additionalProperty } = params as ErrorObject['params']
  if (keyword === 'additionalProperties') return `${field} must not have the field '${additionalProperty}'`
  if (keyword === 'pattern' && params.pattern === NOT_BLANK) return `${field} must not be blank`
  if (keyword === 'format' && params.format === POSITIVE_INTEGER) return `${field} must be a positive integer`
  return `${field} ${message}`
}
