import { load } from '../support/load.ts'
import { getAccount, startMeasured, stop } from '../support/process.ts'
import { assert, takeTurns } from '../support/turns.ts'
import type { Point } from './point.ts'

const SIZES = [1024, 10 * 1024, 100 * 1024, 1024 * 1024]
const ROUNDS = 3

/** Measures the microseconds of CPU of a hit, beside a bare route that sends the same bytes. */
export async function bodies (): Promise<Point[]> {
  const app = await startMeasured('bench/growth/bodies-app.ts', [])
  try {
    const turn = (path: string) => async () => {
      const before = await getAccount(app)
      const { requests } = await load(app.address.replace(/\/$/, '') + path)
      const after = await getAccount(app)
      assert(after.runs <= before.runs + 1, `${path} to be cached`)
      return (after.cpu - before.cpu) / requests
    }
    const paths = SIZES.flatMap((size) => [`/cached/${size}`, `/bare/${size}`])
    const figures = await takeTurns(ROUNDS, Object.fromEntries(paths.map((path) => [path, turn(path)])))
    return [['Larder, in memory', 'cached'], ['a bare route', 'bare']].flatMap(([curve, path]) => {
      return SIZES.map((size) => ({ curve: curve!, at: size, figure: figures[`/${path}/${size}`]! }))
    })
  } finally {
    await stop(app)
  }
}
