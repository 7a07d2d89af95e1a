import { request } from 'undici'
import { connect, newFile } from '../support/files.ts'
import { load } from '../support/load.ts'
import { startServer, stop } from '../support/process.ts'
import { checkTime, difference, type Line, us } from '../support/table.ts'
import { assert, median, takeTurns } from '../support/turns.ts'

const ROUNDS = 7
/** The share of the throughput that should be reached. */
const TARGET = 0.95
/** Microseconds that a check may take. */
const CHECK_TARGET = 5

/** A cached page, and measurements of its hits under load. */
interface Page {
  /** Requests it once. */
  fill: () => Promise<void>
  /** Hits per second. */
  throughput: () => Promise<number>
  /** Microseconds of CPU per hit, turn by turn. */
  cpu: number[]
  /** Median microseconds of the check in a hit. */
  check: () => Promise<number>
}

/**
 * Measures hits of cached pages over HTTP: one that is never checked, because it has read nothing, and two that are
 * checked at each hit. One process serves all of them, because two processes differ by more than we measure.
 */
export async function pageHits (): Promise<Line[]> {
  const path = await newFile('pages', 100)
  const app = await startServer('bench/clock/page-app.ts', [path])
  try {
    const plain = createPage(app.address, '/nothing')
    const list = createPage(app.address, '/list')
    const row = createPage(app.address, '/row')
    for (const { fill } of [plain, list, row]) await fill()
    // From now on each hit of the row distinguishes it from other rows. The list is loaded once more.
    const other = connect(path)
    other.exec("UPDATE products SET price = '1' WHERE id = 2")
    other.close()
    await list.fill()
    const hits = await takeTurns(ROUNDS, { plain: plain.throughput, list: list.throughput, row: row.throughput })
    return [
      throughput('page of the list, nothing written since', hits.list, hits.plain),
      cpu(list, plain),
      checkTime('  the check itself', await list.check(), CHECK_TARGET),
      throughput('page of a row, another row written since', hits.row, hits.plain),
      cpu(row, plain),
      checkTime('  the check itself', await row.check(), CHECK_TARGET)
    ]
  } finally {
    await stop(app)
  }
}

function createPage (address: string, url: string): Page {
  const get = (url: string) => request(address + url)
  const readFigure = async (url: string) => await (await get(url)).body.json()
  const readCpu = async () => {
    const { user, system } = await readFigure('/cpu') as NodeJS.CpuUsage
    return user + system
  }
  async function isHit (): Promise<boolean> {
    const { headers, body } = await get(url)
    await body.dump()
    return String(headers['cache-status']).startsWith('larder; hit')
  }
  async function loadHits () {
    assert(await isHit(), `hits of ${url}`)
    return await load(address + url)
  }

  const cpu: number[] = []
  return {
    fill: async () => { await isHit() },
    cpu,
    async throughput () {
      const before = await readCpu()
      const { requests, seconds } = await loadHits()
      cpu.push((await readCpu() - before) / requests)
      return requests / seconds
    },
    async check () {
      await readFigure('/checks')
      await loadHits()
      return await readFigure('/checks') as number
    }
  }
}

function throughput (what: string, figure: number, other: number): Line {
  const format = (hits: number) => `${hits.toFixed(0)} hits/s`
  const share = figure / other
  const compared = `${share.toFixed(3)} x`
  return { what, figure: format(figure), other: format(other), compared, target: `> ${TARGET} x`, met: share > TARGET }
}

function cpu (page: Page, plain: Page): Line {
  // The first round warms up.
  const figure = median(page.cpu.slice(1))
  const other = median(plain.cpu.slice(1))
  const compared = difference(figure, other)
  return { what: '  CPU of the process per hit', figure: us(figure), other: us(other), compared }
}
