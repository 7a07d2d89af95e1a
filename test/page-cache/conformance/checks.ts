import type { Answer } from './exchange.ts'
import { fieldValue } from './fields.ts'
import { type Seen, UNCONDITIONAL } from './origin.ts'
import type { Step } from './suite.ts'

/** Why a test did not pass. */
export class Unmet extends Error {
  /** The test could not put its question. */
  readonly setup: boolean
  constructor (message: string, setup: boolean) {
    super(message)
    this.setup = setup
  }
}

type Demand = (holds: boolean, message: string) => void

/** Something that a step expects is a condition of the test if the step says so. */
function demands (step: Step, what?: keyof Step): Demand {
  const setup = what === undefined || step.setup === true || (step.setup_tests ?? []).includes(what)
  return (holds, message) => { if (!holds) throw new Unmet(message, setup) }
}

/** Checks the response that the client received. Throws an Unmet. */
export function checkAnswer (id: string, step: Step, number: number, answer: Answer): void {
  checkRetry(step, answer)
  checkSource(step, number, answer)
  checkStatus(step, number, answer)
  checkFields(step, number, answer)
  checkInterim(step, number, answer)
  checkBody(id, step, number, answer)
}

function checkRetry (step: Step, { headers }: Answer): void {
  const numbers = headers['request-numbers']?.split(' ') ?? []
  demands(step)(numbers.length === new Set(numbers).size, 'retry')
}

function checkSource (step: Step, number: number, { status, headers }: Answer): void {
  const demand = demands(step, 'expected_type')
  const count = Number(headers['server-request-count'] ?? NaN)
  if (step.expected_type === 'cached') {
    // Not all caches send fields of their own choice with a 304.
    demand(count < number || (status === 304 && Number.isNaN(count)), `answer ${number} does not come from the cache`)
  }
  if (step.expected_type === 'not_cached') {
    // If the origin was not reached, a response without its mark is the proxy's own.
    demand(
      count === number || (Number.isNaN(count) && step.disconnect === true), `answer ${number} comes from the cache`
    )
  }
  demand(headers[UNCONDITIONAL] === undefined, `request ${number} should have been conditional, but it was not`)
}

function checkStatus (step: Step, number: number, { status }: Answer): void {
  if (step.expected_status === null || (step.disconnect === true && step.expected_type === 'not_cached')) return
  const expected = step.expected_status ?? step.response_status?.[0] ?? 200
  const demand = demands(step, step.expected_status === undefined ? undefined : 'expected_status')
  demand(status === expected, `status ${number} is ${status}, not ${expected}`)
}

function checkFields (step: Step, number: number, { headers }: Answer): void {
  const demand = demands(step, 'expected_response_headers')
  for (const field of step.expected_response_headers ?? []) {
    const name = typeof field === 'string' ? field : field[0]
    const value = headers[name.toLowerCase()]
    demand(value !== undefined, `answer ${number} has no ${name}`)
    if (typeof field === 'string') continue
    if (field.length === 2) {
      const expected = fieldValue(name, field[1], step, Number(headers['server-now']), headers['server-base-url']!)
      demand(value === expected, `${name} of answer ${number} is ${value}, not ${expected}`)
    } else if (field[1] === '=') {
      const other = headers[String(field[2]).toLowerCase()]
      demand(value === other, `${name} of answer ${number} is ${value}, not that of ${field[2]}, ${other}`)
    } else {
      demand(
        Number.parseInt(value!) > Number(field[2]), `${name} of answer ${number} is ${value}, not more than ${field[2]}`
      )
    }
  }

  const forbid = demands(step, 'expected_response_headers_missing')
  for (const field of step.expected_response_headers_missing ?? []) {
    const [name, part = ''] = typeof field === 'string' ? [field] : field
    const value = headers[name.toLowerCase()]
    forbid(!value?.includes(part), `answer ${number} has ${name}: ${value}`)
  }
}

function checkInterim (step: Step, number: number, { interim }: Answer): void {
  const demand = demands(step, 'expected_interim_responses')
  for (const [i, [status, fields = []]] of (step.expected_interim_responses ?? []).entries()) {
    const [came, with_ = []] = interim[i] ?? []
    demand(came === status, `interim response ${i + 1} of answer ${number} is ${came}, not ${status}`)
    for (const [name, value] of fields) {
      demand(
        with_.some((field) => field[0] === name && field[1] === value),
        `interim response ${i + 1} of answer ${number} has no ${name}: ${value}`
      )
    }
  }
}

function checkBody (id: string, step: Step, number: number, { status, body }: Answer): void {
  if (step.check_body === false || (step.disconnect === true && step.expected_type === 'not_cached')) return
  const told = step.expected_response_text !== undefined
  const expected = told ? step.expected_response_text : step.response_body ?? id
  const hasNoContent = status === 204 || status === 304 || step.request_method === 'HEAD'
  const none = !told && step.response_body == null && hasNoContent
  if (expected === null || none) return
  demands(step, told ? 'expected_response_text' : undefined)(
    body === expected, `body ${number} is "${body}", not "${expected}"`
  )
}

/** Checks the requests that reached the origin, and which of its responses reached the client. Throws an Unmet. */
export function checkRequest (step: Step, number: number, seen: Seen | undefined, answer: Answer): void {
  if (step.expected_type === 'cached') return
  demands(step, 'expected_type')(
    step.expected_type === undefined || seen !== undefined, `request ${number} did not reach the origin`
  )
  if (step.expected_type?.endsWith('validated')) {
    const name = step.expected_type === 'etag_validated' ? 'if-none-match' : 'if-modified-since'
    demands(step, 'expected_type')(seen!.headers[name] !== undefined, `request ${number} has no ${name}`)
  }

  const demand = demands(step, 'expected_request_headers')
  for (const field of step.expected_request_headers ?? []) {
    const [name, expected] = typeof field === 'string' ? [field] : field
    const value = seen?.headers[name.toLowerCase()]
    demand(
      expected === undefined ? value !== undefined : value === expected,
      `${name} of request ${number} is ${value}, not ${expected ?? 'there'}`
    )
  }
  const forbid = demands(step, 'expected_request_headers_missing')
  for (const field of step.expected_request_headers_missing ?? []) {
    const [name, refused] = typeof field === 'string' ? [field] : field
    const value = seen?.headers[name.toLowerCase()]
    forbid(refused === undefined ? value === undefined : value !== refused, `request ${number} has ${name}: ${value}`)
  }

  for (const [name, value] of Object.entries(seen?.sent ?? {})) {
    if (name !== 'date') {
      demands(step)(
        answer.headers[name] === value, `${name} of answer ${number} is ${answer.headers[name]}, not ${value}`
      )
    }
  }
  if (step.expected_method !== undefined) {
    demands(step, 'expected_method')(
      seen?.method === step.expected_method,
      `method of request ${number} is ${seen?.method}, not ${step.expected_method}`
    )
  }
}
