import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Random } from '../../../coherence/storm/random.ts'
import type { Committed } from '../storm/cells.ts'
import { PAGES } from './truth.ts'

/** Milliseconds after which a request has failed. */
const TIMEOUT_MS = 10_000

/** What the readers of a process have got. */
export class Answers {
  hits = 0
  loads = 0
  /** With an error, in place of an answer that could not be verified. */
  failed = 0
  /** Milliseconds that the slowest answer took. */
  slowest = 0
  readonly stale: string[] = []

  get checked (): number {
    return this.hits + this.loads
  }
}

export interface SiteReaderOptions {
  /** Returns where the process listens now. */
  readonly getUrl: () => string
  readonly committed: Committed
  readonly random: Random
  readonly isOver: () => boolean
  /** Returns where to count. */
  readonly getAnswers: () => Answers
}

/** Requests pages until it is over, and compares each answer with what had been committed before the request. */
export async function readSite ({ getUrl, committed, random, isOver, getAnswers }: SiteReaderOptions): Promise<void> {
  const dispatcher = new Agent({ connections: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  while (!isOver()) {
    const { path, has } = random.pick(PAGES)
    const least = committed.sum(has)
    const { history } = committed
    const began = performance.now()
    const response = await request(getUrl() + path, { dispatcher })
      .then(async ({ statusCode, headers, body }) => ({ statusCode, headers, text: await body.text() }))
      .catch(() => undefined)
    const answers = getAnswers()
    answers.slowest = Math.max(answers.slowest, performance.now() - began)
    if (response?.statusCode !== 200) {
      answers.failed++
      await sleep(5)
      continue
    }
    const status = String(response.headers['cache-status'])
    if (/;\s*hit/.test(status)) answers.hits++
    else answers.loads++
    const { n } = JSON.parse(response.text) as { n: number }
    // If a failover has lost commits meanwhile, both what was before and what is now may be right.
    if (n < least && history === committed.history) answers.stale.push(`${path}: ${n} in place of ${least}, ${status}`)
  }
  await dispatcher.close()
}
