import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program that writes over a connection of its own. */
class Psql {
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>
  #queries = 0

  constructor (host: string, database: string) {
    this.#process = spawn('psql', ['-X', '-A', '-t', '-h', host, '-U', 'postgres', '-d', database], {
      stdio: ['pipe', 'pipe', 'ignore']
    })
    this.#process.stdin!.on('error', () => {}) // it has ended
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
  }

  async query<Row> (sql: string): Promise<{ rows: Row[] }> {
    const mark = `end of ${++this.#queries}`
    this.#process.stdin!.write(`${sql};\n\\echo ${mark} :ERROR :SQLSTATE\n`)
    const rows: Array<{ id: number, n: number }> = []
    for (;;) {
      const { value: line, done } = await this.#lines.next()
      if (done === true) throw new Error('psql has ended.')
      if (line.startsWith(mark)) {
        const [failed, code] = line.slice(mark.length + 1).split(' ') as [string, string]
        if (failed === 'true') throw Object.assign(new Error(`psql has failed with ${code}.`), { code })
        return { rows: rows as Row[] }
      }
      const [, id, n] = /^(\d+)\|(\d+)$/.exec(line) ?? []
      if (id !== undefined) rows.push({ id: Number(id), n: Number(n) })
    }
  }

  async end (): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

/** In place of a pool: each of its clients is a `psql`. */
export class PsqlPool {
  readonly #host: string
  readonly #database: string
  readonly #idle: Psql[] = []
  readonly #all = new Set<Psql>()

  constructor (host: string, database: string) {
    this.#host = host
    this.#database = database
  }

  async connect () {
    const psql = this.#idle.pop() ?? new Psql(this.#host, this.#database)
    this.#all.add(psql)
    return {
      query: <Row>(sql: string) => psql.query<Row>(sql),
      release: (isBroken?: boolean) => {
        if (isBroken) psql.end()
        else this.#idle.push(psql)
      }
    }
  }

  async query (sql: string): Promise<unknown> {
    const client = await this.connect()
    let isBroken = true
    try {
      const result = await client.query(sql)
      isBroken = false
      return result
    } finally {
      client.release(isBroken)
    }
  }

  async end (): Promise<void> {
    await Promise.all([...this.#all].map((psql) => psql.end()))
  }
}
