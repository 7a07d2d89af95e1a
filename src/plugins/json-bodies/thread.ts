import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { Mutex } from 'async-mutex'
import { errorCodes } from 'fastify'
import { BodyTooComplexError, BodyTooLargeError, InvalidUtf8Error } from '../../errors.ts'
import { startThread } from '../../start-thread.ts'
import { setVerdict } from '../validation.ts'
import { MAX_DEPTH, MAX_VALUES, type Outcome } from './parse.ts'

/** Milliseconds without a body after which the thread ends. That frees its memory. */
const IDLE_MS = 10_000
/** MiB of the heap of the thread. No body of 8 MiB takes more than a half of it. */
const MAX_HEAP = 128

/** Parses and validates bodies one after the other, in a thread that starts with the first of them. */
export class JsonThread {
  readonly #mutex = new Mutex()
  #running: { worker: Worker, items: MessagePort } | undefined
  #idle: NodeJS.Timeout | undefined
  readonly #idleMs: number

  constructor (idleMs = IDLE_MS) {
    this.#idleMs = idleMs
  }

  /**
   * Returns a body that the validation of a route accepts or refuses without validating it again.
   *
   * @param bytes their memory is handed over to the thread, so the caller cannot use them afterwards
   * @param schema that of the body; undefined if there is none
   */
  async parse (bytes: Buffer, schema: object | undefined): Promise<unknown> {
    return await this.#mutex.runExclusive(async () => {
      clearTimeout(this.#idle)
      const { worker, items } = this.#running ??= this.#start()
      worker.postMessage({ bytes, schema: JSON.stringify(schema) }, [bytes.buffer as ArrayBuffer])
      const [outcome]: Outcome[] = await once(worker, 'message')
      this.#idle = setTimeout(() => this.close(), this.#idleMs).unref()
      return await readOutcome(outcome!, items)
    })
  }

  /** Ends the thread. The next body starts another. */
  async close (): Promise<void> {
    clearTimeout(this.#idle)
    const { worker } = this.#running ?? {}
    this.#running = undefined
    if (worker === undefined) return
    worker.ref()
    worker.postMessage(null)
    await once(worker, 'exit')
  }

  #start (): { worker: Worker, items: MessagePort } {
    const { port1: items, port2 } = new MessageChannel()
    const worker = startThread(new URL('./worker.ts', import.meta.url), {
      workerData: port2, transferList: [port2], resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP }
    })
    worker.on('error', () => { this.#running = undefined })
    worker.unref()
    return { worker, items }
  }
}

async function readOutcome (outcome: Outcome, items: MessagePort): Promise<unknown> {
  switch (outcome.type) {
    case 'not-utf8': throw new InvalidUtf8Error()
    case 'not-json': throw new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY()
    case 'too-complex': throw new BodyTooComplexError(MAX_DEPTH, MAX_VALUES)
    case 'too-large': throw new BodyTooLargeError('1 MiB')
    case 'invalid': {
      const body = {}
      setVerdict(body, outcome.errors)
      return body
    }
    case 'value': {
      const { body } = outcome
      if (typeof body === 'object' && body !== null) setVerdict(body, null)
      return body
    }
    case 'array': return await receiveArray(items, outcome.batches)
  }
}

/** Copies the items from the thread in batches. Between them, the event loop does other work. */
async function receiveArray (items: MessagePort, batches: number): Promise<unknown[]> {
  const body: unknown[] = []
  for (let i = 0; i < batches; i++) {
    body.push(...receiveMessageOnPort(items)!.message as unknown[])
    await setImmediate()
  }
  setVerdict(body, null)
  return body
}
