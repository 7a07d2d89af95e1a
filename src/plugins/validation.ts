import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import type { FastifySchemaValidationError } from 'fastify'
import fp from 'fastify-plugin'

/**
 * A pattern with an error message of its own: text of which something can be seen.
 *
 * White space cannot, nor can characters that Unicode recommends to ignore (soft hyphens, zero-width spaces, fillers),
 * nor can an empty pattern of Braille.
 */
export const NOT_BLANK = '[^\\s\\p{Default_Ignorable_Code_Point}\\u2800]'
/** A format of strings: a safe positive integer in plain decimal, so that 0x1 and 1e0 are errors. */
export const POSITIVE_INTEGER = 'positive-integer'

/** The longest name of an unknown field in an error message, in characters. */
const MAX_NAME_LENGTH = 100

// Schemas need no check against the schema of schemas: their types check them, and it takes long to compile.
const options = { removeAdditional: false, useDefaults: true, allErrors: false, validateSchema: false } as const
// A URL has only text, so numbers in it are parsed. In a body, "1" is not a number.
const urlAjv = new Ajv({
  ...options,
  coerceTypes: 'array',
  strictNumbers: false, // otherwise 1e400, which is read as Infinity, would pass without a check of its range
  formats: { [POSITIVE_INTEGER]: (text) => /^[1-9]\d*$/.test(text) && Number.isSafeInteger(Number(text)) }
})
const bodyAjv = new Ajv(options)

/**
 * Strict validation: unknown fields, wrong types and text that a database cannot store are errors, and the message
 * names the field.
 */
export default fp((app, _options, done) => {
  app.setValidatorCompiler(({ schema, httpPart }) => {
    if (httpPart !== 'body') return withTextCheck(urlAjv.compile(schema as object))
    const validate = compileBody(schema as object)
    const check = (data: unknown) => {
      const verdict = verdicts.get(data as object)
      if (verdict === undefined) validate(data)
      validator.errors = verdict === undefined ? validate.errors : verdict
      return validator.errors === null
    }
    const validator: Validator = Object.assign(check, { errors: null })
    return validator
  })
  app.setSchemaErrorFormatter(formatSchemaErrors)
  done()
}, { fastify: '5.x', name: 'larder-validation' })

/** Describes the errors of a part of a request, in the words of the API. */
export function formatSchemaErrors (errors: FastifySchemaValidationError[], part: string): Error {
  return new Error(formatMessage(selectError(errors), part))
}

/** What the validation of bodies has found that were validated before: elsewhere, off the event loop. */
const verdicts = new WeakMap<object, ErrorObject[] | null>()

/** Makes the validation of a route use these errors of a body, or `null` for none, instead of validating it again. */
export function setVerdict (body: object, errors: ErrorObject[] | null): void {
  verdicts.set(body, errors)
}

export function compileBody (schema: object): Validator {
  return withTextCheck(bodyAjv.compile(schema))
}

export interface Validator {
  (data: unknown): boolean
  errors: ErrorObject[] | null
}

/** Adds a check of all text in the data, whatever its schema says. */
function withTextCheck (validate: ValidateFunction): Validator {
  const check = (data: unknown) => {
    const error = validate(data) ? findUnstorableText(data, '') : undefined
    validator.errors = error === undefined ? validate.errors ?? null : [error]
    return validator.errors === null
  }
  const validator: Validator = Object.assign(check, { errors: null })
  return validator
}

/**
 * Finds a string that a database would change or refuse: UTF-8 has no lone surrogates, and PostgreSQL and many C
 * programs take no NUL.
 */
function findUnstorableText (data: unknown, instancePath: string): ErrorObject | undefined {
  if (typeof data === 'string') {
    const part = data.includes('\0') ? 'NUL' : data.isWellFormed() ? undefined : 'a lone surrogate'
    if (part === undefined) return undefined
    return { instancePath, schemaPath: '', keyword: 'text', params: {}, message: `must not contain ${part}` }
  }
  if (typeof data !== 'object' || data === null) return undefined
  for (const [key, value] of Object.entries(data)) {
    const error = findUnstorableText(value, `${instancePath}/${key}`)
    if (error !== undefined) return error
  }
  return undefined
}

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
  if (keyword === 'additionalProperties') return `${field} must not have the field '${shorten(additionalProperty)}'`
  if (keyword === 'pattern' && params.pattern === NOT_BLANK) return `${field} must not be blank`
  if (keyword === 'format' && params.format === POSITIVE_INTEGER) return `${field} must be a positive integer`
  return `${field} ${message}`
}

/** Names of fields come from the client, and may be as long as its body. */
function shorten (name: string): string {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name
}
