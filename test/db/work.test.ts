import t from 'tap'
import { WorkMeter } from '../../src/db/work.ts'

t.test('work is counted as waiting, running and ended, and with its times', async (t) => {
  let now = 0
  t.intercept(performance, 'now', { value: () => now })
  const meter = new WorkMeter()
  const numbers = () => {
    const { waiting, running, ended, waitSeconds, runSeconds } = meter
    return [waiting, running, ended, waitSeconds, runSeconds]
  }
  const [first, second, abandoned] = [meter.add(), meter.add(), meter.add()]
  t.same(numbers(), [3, 0, 0, 0, 0])
  now = 1_000
  first.start()
  t.same(numbers(), [2, 1, 0, 1, 0])
  now = 1_500
  second.start()
  first.end()
  t.same(numbers(), [1, 1, 1, 2.5, 0.5])
  abandoned.end()
  t.same(numbers(), [0, 1, 1, 4, 0.5], 'what ends while it waits has not run')
  now = 2_000
  second.end()
  second.end()
  abandoned.end()
  t.same(numbers(), [0, 0, 2, 4, 1], 'the end is counted once')
})
