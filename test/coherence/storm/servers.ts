import { type Dispatcher, Pool } from 'undici'
import { type Process, start } from '../../support/process.ts'

/** One life of a server, from its start until it is killed. */
export interface Life {
  readonly name: string
  readonly pool: Pool
  readonly process: Process
  /** Set just before it is killed: from then on it owes no answer. */
  killed: boolean
  reads: number
  hits: number
}

export interface Reply {
  status: number
  headers: Record<string, string>
  body: string
}

/** No answer takes that long. */
const PATIENCE_MS = 30_000

/** A program that is started again after it was killed, on another port. */
export class Server {
  readonly name: string
  readonly lives: Life[] = []
  readonly #program: string
  readonly #env: Record<string, string>
  #next = Promise.withResolvers<Life>()

  /** @param program the path of a program that says `listening on` and its address when it is ready */
  constructor (name: string, program: string, env: Record<string, string>) {
    this.name = name
    this.#program = program
    this.#env = env
  }

  /** Its life now, or the next one, as soon as it is ready. */
  get up (): Promise<Life> {
    return this.#next.promise
  }

  async start (): Promise<void> {
    const process = await start(globalThis.process.execPath, [this.#program], 'listening on', this.#env)
    if (process === undefined) throw new Error(`${this.name} did not start`)
    const [url] = /http:\/\/[\d.:]+/.exec(process.line)!
    const life = { name: `${this.name}#${this.lives.length + 1}`, pool: new Pool(url), process, killed: false, reads: 0, hits: 0 }
    this.lives.push(life)
    this.#next.resolve(life)
  }

  /** Kills it. Who waits for it waits for the next start. */
  async stop (kill = (life: Life): Promise<unknown> => life.process.kill()): Promise<void> {
    const life = await this.up
    this.#next = Promise.withResolvers()
    life.killed = true
    await kill(life)
    await life.process.ended
    await life.pool.destroy()
  }
}

/** Sends a request; undefined where its server was killed before it had answered. */
export async function ask (life: Life, method: Dispatcher.HttpMethod, path: string, { headers = {}, json }: {
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
    reply = { status: response.statusCode, headers: response.headers as Record<string, string>, body: await response.body.text() }
  } catch (error) {
    if (life.killed) return undefined
    throw error
  }
  if (reply.status >= 500) throw new Error(`${life.name} answered ${method} ${path} with ${reply.status}: ${reply.body}`)
  return reply
}
