import { request } from 'undici'
import { connect, newFile } from '../support/files.ts'
import { load } from '../support/load.ts'
import { startServer, stop } from '../support/process.ts'
import { type Line, shortTime, us } from '../support/table.ts'
import { assert, median, takeTurns } from '../support/turns.ts'

const ROUNDS = 7
/** The share of a hit's throughput that must be left. */
const TARGET = 0.95
/** Microseconds that a check may take. */
const CHECK_TARGET = 5

/** A page that is kept, and what its hits cost under load. */
interface Page {
  /** Asks for it once. */
  fill: () => Promise<void>
  /** Hits a second. */
  throughput: () => Promise<number>
  /** Microseconds of CPU that a hit took, in each turn. */
  cpu: number[]
  /** Microseconds of the check within a hit: the median. */
  check: () => Promise<number>
}

/**
 * Hits of kept pages over HTTP: one that is never checked, for it read nothing, and two that are at each hit. One
 * process serves them all, since processes of the same program differ by more than is measured here.
 */
export async function pageHits (): Promise<Line[]> {
  const path = newFile('pages', 100)
  const app = await startServer('bench/clock/page-app.ts', [path])
  try {
    const pages = [pageOf(app.address, '/nothing'), pageOf(app.address, '/list'), pageOf(app.address, '/row')] as const
    for (const { fill } of pages) await fill()
    const [plain, list, row] = pages
    // From here on the row must be told from others of its table at each hit, and the list is made once more.
    const other = connect(path)
    other.exec("UPDATE products SET price = '1' WHERE id = 2")
    other.close()
    await list.fill()
    const hits = await takeTurns(ROUNDS, { plain: plain.throughput, list: list.throughput, row: row.throughput })
    return [
      throughput('page of the list, nothing written since', hits.list, hits.plain),
      cpu(list, plain),
      shortTime('  the check itself', await list.check(), CHECK_TARGET),
      throughput('page of a row, another row written since', hits.row, hits.plain),
      cpu(row, plain),
      shortTime('  the check itself', await row.check(), CHECK_TARGET)
    ]
  } finally {
    await stop(app)
  }
}

function pageOf (address: string, url: string): Page {
  const ask = (url: string) => request(address + url)
  const figureOf = async (url: string) => await (await ask(url)).body.json()
  const cpuSoFar = async () => {
    const { user, system } = await figureOf('/cpu') as NodeJS.CpuUsage
    return user + system
  }
  async function isHit (): Promise<boolean> {
    const { headers, body } = await ask(url)
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
      const before = await cpuSoFar()
      const { requests, seconds } = await loadHits()
      cpu.push((await cpuSoFar() - before) / requests)
      return requests / seconds
    },
    async check () {
      await figureOf('/checks')
      await loadHits()
      return await figureOf('/checks') as number
    }
  }
}

function throughput (what: string, figure: number, other: number): Line {
  const say = (hits: number) => `${hits.toFixed(0)} hits/s`
  const share = figure / other
  return { what, figure: say(figure), other: say(other), compared: `${share.toFixed(3)} x`, target: `> ${TARGET} x`, met: share > TARGET }
}

function cpu (page: Page, plain: Page): Line {
  const [figure, other] = [page, plain].map(({ cpu }) => median(cpu.slice(1))) as [number, number] // the first round warms up
  return { what: '  CPU of the process per hit', figure: us(figure), other: us(other), compared: `${figure < other ? '' : '+'}${us(figure - other)}` }
}
