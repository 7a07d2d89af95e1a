import { type Dispatcher, Pool } from 'undici'
import { type Process, start } from '../../support/process.ts'

/** One run of a server, from its start until it is killed. */
export interface Life {
  readonly name: string
  readonly pool: Pool
  readonly process: Process
  /** Set just before it is killed: later requests may fail. */
  killed: boolean
  reads: number
  hits: number
}

export interface Reply {
  status: number
  headers: Record<string, string>
  body: string
}

/** Milliseconds after which a request fails. */
const PATIENCE_MS = 30_000

/** A program that is restarted on another port after it was killed. */
export class Server {
  readonly name: string
  readonly lives: Life[] = []
  readonly #program: string
  readonly #env: Record<string, string>
  #next = Promise.withResolvers<Life>()

  /** @param program the path of a program that prints `listening on` and its address when it is ready */
  constructor (name: string, program: string, env: Record<string, string>) {
    this.name = name
    this.#program = program
    this.#env = env
  }

  /** Resolves to the present run, or to the next one as soon as it is ready. */
  get up (): Promise<Life> {
    return this.#next.promise
  }

  async start (): Promise<void> {
    const process = await start(globalThis.process.execPath, [this.#program], 'listening on', this.#env)
    if (process === undefined) throw new Error(`${this.name} did not start`)
    const [url] = /http:\/\/[\d.:]+/.exec(process.line)!
    const name = `${this.name}#${this.lives.length + 1}`
    const life = { name, pool: new Pool(url), process, killed: false, reads: 0, hits: 0 }
    this.lives.push(life)
    this.#next.resolve(life)
  }

  /** Kills it. Callers of `up` then wait for the next start. */
  async stop (kill = (life: Life): Promise<unknown> => life.process.kill()): Promise<void> {
    const life = await this.up
    this.#next = Promise.withResolvers()
    life.killed = true
    await kill(life)
    await life.process.ended
    await life.pool.destroy()
  }
}

/** Sends a request. Returns undefined if the server was killed before it responded. */
export async function send (life: Life, method: Dispatcher.HttpMethod, path: string, { headers = {}, json }: {
  headers?: Record<string, string>
  json?: unknown
} = {}): Promise<Reply | undefined> {
  let reply: Reply
  try {
    const response = await life.pool.request({
      method,
      path,
      headers: { ...headers, ...json !== undefined && { 'content-type': 'application/json' } },
      body: json === undefined ? null : JSON.stringify(json),
      headersTimeout: PATIENCE_MS
    })
    const headersReceived = response.headers as Record<string, string>
    reply = { status: response.statusCode, headers: headersReceived, body: await response.body.text() }
  } catch (error) {
    if (life.killed) return undefined
    throw error
  }
  if (reply.status >= 500) {
    throw new Error(`${life.name} responded to ${method} ${path} with ${reply.status}: ${reply.body}`)
  }
  return reply
}
