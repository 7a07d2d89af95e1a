import { randomUUID } from 'node:crypto'
import { Agent, type Dispatcher } from 'undici'
import { type Answer, exchange } from './exchange.ts'
import { checkAnswer, checkRequest, Unmet } from './checks.ts'
import { type Origin, type Seen, startOrigin } from './origin.ts'
import { startProxy } from './proxy.ts'
import type { Outcome } from './results.ts'
import type { Definition } from './suite.ts'
import type { Time } from './time.ts'

/** Seconds after which a response with a life of two is old. */
const PAUSE = 3

/** The messages between client, cache and origin. */
export interface Trace { answers: Answer[], seen: Seen[] }

interface Stage { client: Dispatcher, origin: Origin, cache: string, time: Time }

/** Puts the questions of the tests to the page cache, over the network. */
export async function run (
  tests: Definition[], time: Time, onTrace?: (test: Definition, trace: Trace) => void
): Promise<Map<string, Outcome>> {
  const origin = await startOrigin(time)
  const proxy = await startProxy(origin.url, time)
  const client = new Agent()
  const stage = { client, origin, cache: proxy.listeningOrigin, time }
  const outcomes = new Map<string, Outcome>()

  async function one (test: Definition): Promise<void> {
    const trace: Trace = { answers: [], seen: [] }
    outcomes.set(test.id, await perform(test, stage, trace).then((): Outcome => ({ verdict: 'pass' }), resolveOutcome))
    onTrace?.(test, trace)
  }
  try {
    if (time.real) await Promise.all(tests.map(one))
    else for (const test of tests) await one(test)
  } finally {
    await client.destroy()
    await proxy.close()
    await origin.close()
  }
  return outcomes
}

async function perform (
  { requests: steps }: Definition, { client, origin, cache, time }: Stage, trace: Trace
): Promise<void> {
  const id = randomUUID()
  const { answers } = trace
  trace.seen = origin.prepare(id, steps)
  for (const [i, step] of steps.entries()) {
    const answer = await exchange(client, cache, id, i + 1, step, answers.at(-1))
    answers.push(answer)
    checkAnswer(id, step, i + 1, answer)
    if (step.pause_after) await time.pause(PAUSE)
  }
  for (const [i, step] of steps.entries()) {
    checkRequest(step, i + 1, trace.seen.find(({ number }) => number === i + 1), answers[i]!)
  }
}

function resolveOutcome (error: Error): Outcome {
  const { message } = error
  if (!(error instanceof Unmet)) {
    return {
      verdict: 'error', message: `${message} ${(error.cause as Error | undefined)?.message ?? ''}`
    }
  }
  return { verdict: message === 'retry' ? 'retry' : error.setup ? 'setup-fail' : 'fail', message }
}
