import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Random } from '../../../coherence/storm/random.ts'
import type { Committed } from '../storm/cells.ts'
import type { Page } from './pages.ts'

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
  readonly pages: readonly Page[]
  readonly committed: Committed
  readonly random: Random
  readonly isOver: () => boolean
  /** Returns where to count. */
  readonly getAnswers: () => Answers
}

/** Requests pages until it is over, and compares each answer with what had been committed before the request. */
export async function readSite (options: SiteReaderOptions): Promise<void> {
  const { getUrl, pages, committed, random, isOver, getAnswers } = options
  const dispatcher = new Agent({ connections: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  while (!isOver()) {
    const { path, has, read } = random.pick(pages)
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
    const status = String(response.headers['cache-status'] ?? response.headers['server-timing'])
    if (/^larder; hit|desc="hit"/.test(status)) answers.hits++
    else answers.loads++
    const n = read(response.text)
    // If a failover has lost commits meanwhile, both what was before and what is now may be right.
    if (n < least && history === committed.history) answers.stale.push(`${path}: ${n} in place of ${least}, ${status}`)
  }
  await dispatcher.close()
}
