import { limitTime } from '../../cache/index.ts'

/** Returns what the database answers, or rejects if that takes too long. @param ms milliseconds */
export function limitAnswer<T> (answer: Promise<T>, ms: number): Promise<T> {
  return limitTime(answer, ms, `The database did not answer within ${ms} ms.`)
}
