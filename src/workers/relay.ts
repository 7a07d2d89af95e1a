import { type Answers, type FromWorker, METRICS, type ToWorker } from './messages.ts'
import { type MetricJson, MetricsArchive } from './metrics-archive.ts'

/** Milliseconds after which a request is answered without the workers that have not answered. */
export const ANSWER_MS = 2_000
/** Milliseconds after which a worker that answers nothing is stopped, because it hangs. */
export const HUNG_MS = 30_000

/** A worker, as far as the relay knows it. */
export interface Member {
  readonly id: number
  send (message: ToWorker): void
  /** Called when the worker hangs. Messages to it would pile up, and so would its connections. */
  onHung (): void
}

type Request = Extract<FromWorker, { type: 'request' }>
type Answer = Extract<FromWorker, { type: 'answer' }>

/** A request that waits for answers. */
interface Pending {
  readonly from: Member
  readonly request: Request
  readonly results: unknown[]
  /** The workers that have not answered yet. */
  readonly awaited: Set<Member>
  missing: number
  timer?: NodeJS.Timeout
}

/**
 * Passes the requests of a worker on to all others, and collects their answers until a deadline.
 *
 * No request waits for a worker that has missed a deadline, until it answers again.
 */
export class Relay {
  readonly #members = new Set<Member>()
  readonly #pending = new Map<number, Pending>()
  /** Those that have missed a deadline. */
  readonly #late = new Map<Member, NodeJS.Timeout>()
  readonly #archive = new MetricsArchive()
  #count = 0

  join (member: Member): void {
    this.#members.add(member)
  }

  leave (member: Member): void {
    this.#members.delete(member)
    this.#forgive(member)
    this.#archive.end(member.id)
    for (const [id, pending] of this.#pending) {
      if (pending.awaited.delete(member)) this.#settleIfComplete(id, pending)
    }
  }

  /** Passes a request on. */
  request (from: Member, request: Request): void {
    const { topic, argument } = request
    if (topic === METRICS && this.#members.has(from)) this.#archive.record(from.id, argument as MetricJson[])
    const others = [...this.#members].filter((member) => member !== from)
    const awaited = new Set(others.filter((member) => !this.#late.has(member)))
    const pending: Pending = { from, request, results: [], awaited, missing: others.length - awaited.size }
    const id = this.#count++
    for (const member of others) member.send({ type: 'ask', id, topic, argument: topic === METRICS ? null : argument })
    this.#pending.set(id, pending)
    pending.timer = setTimeout(() => this.#giveUp(id, pending), ANSWER_MS)
    this.#settleIfComplete(id, pending)
  }

  /** Collects an answer. */
  answer (member: Member, { id, result, failed }: Answer): void {
    this.#forgive(member)
    const pending = this.#pending.get(id)
    if (pending?.awaited.delete(member) !== true) return
    if (failed) pending.missing++
    else if (pending.request.topic === METRICS) this.#archive.record(member.id, result as MetricJson[])
    else pending.results.push(result)
    this.#settleIfComplete(id, pending)
  }

  #giveUp (id: number, pending: Pending): void {
    for (const member of pending.awaited) {
      pending.missing++
      if (this.#late.has(member)) continue
      this.#late.set(member, setTimeout(() => member.onHung(), HUNG_MS - ANSWER_MS))
    }
    pending.awaited.clear()
    this.#settleIfComplete(id, pending)
  }

  #forgive (member: Member): void {
    clearTimeout(this.#late.get(member))
    this.#late.delete(member)
  }

  #settleIfComplete (id: number, { from, request, results, awaited, missing, timer }: Pending): void {
    if (awaited.size > 0) return
    clearTimeout(timer)
    this.#pending.delete(id)
    const answers: Answers = { results: request.topic === METRICS ? this.#archive.list() : results, missing }
    from.send({ type: 'answers', id: request.id, answers })
  }
}
