import { Ajv, type ErrorObject } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'

/** A pattern that has words of its own in an error. */
export const NOT_BLANK = '\\S'
/** A format for texts: a safe integer in decimal, and nothing that merely means one, such as 0x1 or 1e0. */
export const POSITIVE_INTEGER = 'positive-integer'

const options = { removeAdditional: false, useDefaults: true, allErrors: false } as const
// Numbers in a URL are text and must be read; in a body a number is a number and a text a text. Ajv would read 1e400 as
// Infinity, and then ask `strictNumbers` what to check it against: nothing.
const fromUrl = new Ajv({
  ...options,
  coerceTypes: 'array',
  strictNumbers: false,
  formats: { [POSITIVE_INTEGER]: (text) => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text)) }
})
const fromBody = new Ajv(options)

/** Strict validation: unknown fields and wrong types are refused, and the error names the field. */
export default fp((app, _options, done) => {
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? fromBody : fromUrl).compile(schema as object))
  app.setSchemaErrorFormatter((errors, part) => new Error(describe(mostTelling(errors), part)))
  done()
}, { fastify: '5.x', name: 'larder-validation' })

/** Where a body may be one of several kinds, Ajv reports all of them: the deepest error is of the kind that was meant. */
function mostTelling (errors: FastifySchemaValidationError[]): FastifySchemaValidationError {
  const depth = ({ instancePath, keyword }: FastifySchemaValidationError) => {
    return 2 * instancePath.split('/').length - (keyword === 'anyOf' ? 2 : keyword === 'type' ? 1 : 0)
  }
  return errors.reduce((best, error) => depth(error) > depth(best) ? error : best)
}

function describe ({ instancePath, keyword, params, message }: FastifySchemaValidationError, part: string): string {
  const where = part + instancePath
  const { additionalProperty } = params as ErrorObject['params']
  if (keyword === 'additionalProperties') return `${where} must not have the field '${additionalProperty}'`
  if (keyword === 'pattern' && params.pattern === NOT_BLANK) return `${where} must not be blank`
  if (keyword === 'format' && params.format === POSITIVE_INTEGER) return `${where} must be a positive integer`
  return `${where} ${message}`
}
