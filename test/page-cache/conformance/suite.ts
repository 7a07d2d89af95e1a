import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A field in a definition; a number in a date is seconds from now. `false`: not checked in the response. */
export type DefinedField = readonly [name: string, value: string | number, checked?: boolean]
/** A field that a response has to have; a name alone: with any value. */
export type ExpectedField =
  | string
  | readonly [name: string, value: string | number]
  | readonly [name: string, operator: '=' | '>', operand: string | number]
export type InterimResponse = readonly [status: number, fields?: ReadonlyArray<readonly [name: string, value: string]>]

/** One exchange of a test: the request, the response of the origin, and the expectations. */
export interface Step {
  request_method?: string
  request_headers?: DefinedField[]
  request_body?: string
  filename?: string
  query_arg?: string
  magic_ims?: boolean
  magic_locations?: boolean
  rfc850date?: string[]
  response_status?: [code: number, phrase: string]
  response_headers?: DefinedField[]
  response_body?: string | null
  response_pause?: number
  interim_responses?: InterimResponse[]
  disconnect?: boolean
  pause_after?: boolean
  check_body?: boolean
  expected_type?: 'cached' | 'not_cached' | 'etag_validated' | 'lm_validated'
  expected_method?: string
  expected_status?: number | null
  expected_request_headers?: Array<string | [name: string, value: string]>
  expected_request_headers_missing?: Array<string | [name: string, value: string]>
  expected_response_headers?: ExpectedField[]
  expected_response_headers_missing?: Array<string | [name: string, value: string]>
  expected_response_text?: string | null
  expected_interim_responses?: InterimResponse[]
  /** All that is expected here is a condition of the test and not its subject. */
  setup?: boolean
  setup_tests?: string[]
}

export type Kind = 'required' | 'optimal' | 'check'

export interface Definition {
  id: string
  name: string
  kind: Kind
  depends_on: string[]
  requests: Step[]
}

/** Where npm puts the published suite. */
function published (): string {
  return dirname(fileURLToPath(import.meta.resolve('http-cache-tests/package.json')))
}

/** The tests for a cache that is a reverse proxy, and neither a browser nor a CDN. */
export async function loadSuite (folder = published()): Promise<Definition[]> {
  const index = join(folder, 'tests/index.mjs')
  const { default: groups } = await import(
    pathToFileURL(index).href
  ) as { default: Array<{ tests: Array<Partial<Definition> & Record<string, unknown>> }> }
  const tests = groups.flatMap(({ tests }) => tests).filter(({ browser_only: browser, cdn_only: cdn }) =>
    !browser && !cdn)
  return tests.map((test) => ({ kind: 'required', depends_on: [], ...test }) as unknown as Definition)
}
