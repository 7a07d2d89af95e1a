import type { Dispatcher } from 'undici'
import { type Fields, fieldValue, joined } from './fields.ts'
import type { InterimResponse, Step } from './suite.ts'

export interface Answer {
  status: number
  headers: Fields
  body: string
  interim: InterimResponse[]
}

/**
 * Sends the request of one step, with no field that its definition does not have.
 *
 * @param before the response of the step before it
 */
export async function exchange (
  client: Dispatcher, origin: string, id: string, number: number, step: Step, before: Answer | undefined
): Promise<Answer> {
  const path = `/test/${id}${step.filename === undefined ? '' : `/${step.filename}`}${step.query_arg === undefined
    ? ''
    : `?${step.query_arg}`}`
  const headers: string[] = ['req-num', String(number)]
  for (const [name, value] of step.request_headers ?? []) {
    // A date that the client knows from the response before.
    headers.push(name, fieldValue(name, value, step, Number(before?.headers['server-now']), path))
  }
  const interim: InterimResponse[] = []
  const { statusCode, headers: fields, body } = await client.request({
    origin,
    method: (step.request_method ?? 'GET') as Dispatcher.HttpMethod,
    path,
    headers,
    body: step.request_body ?? null,
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    onInfo: ({ statusCode, headers }) => { interim.push([statusCode, Object.entries(joined(headers))]) }
  })
  return { status: statusCode, headers: joined(fields), body: await body.text(), interim }
}
