import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/** A line to a server on loopback that can go bad while it is in use. It begins well, and ends with the test. */
export interface Proxy {
  /** As a Redis's. */
  url: string
  /** All goes through at once, also what was held back. */
  pass (): void
  /** Each reply comes so many milliseconds later. */
  delay (ms: number): void
  /** Takes connections and whatever is sent over them, and lets nothing through, as when packets get lost. */
  blackHole (): void
  /** Connections of now lead nowhere for ever, and nobody is told, as when a firewall forgets them; new ones are well. */
  forget (): void
  /**
   * Of the reply to the next request that has this text in it, lets so many bytes through, and drops the connection.
   * Resolves when it has.
   */
  cut (bytes: number, request: string): Promise<void>
}

interface Cut { bytes: number, request: string, done: () => void }

/** @param to the port of the server */
export async function startProxy (t: Test, to: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const forgotten = new WeakSet<Socket>()
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  let delay = 0
  let cut: Cut | undefined
  /** The connections whose next reply is to be cut. */
  const cuts = new Map<Socket, Cut>()

  /** Sends on in order; what is held back waits for the line to be good again. */
  function carry (from: Socket, onto: Socket, isReply: boolean): void {
    let before = Promise.resolve()
    from.on('data', (chunk) => {
      const delayed = isReply && delay > 0 ? sleep(delay) : undefined
      before = before.then(async () => {
        await delayed
        await gate.promise
        if (forgotten.has(from)) return
        const due = cuts.get(from)
        if (due !== undefined) {
          onto.end(chunk.subarray(0, due.bytes))
          from.destroy()
          return due.done()
        }
        if (!isReply && cut !== undefined && chunk.includes(cut.request)) {
          cuts.set(onto, cut)
          cut = undefined
        }
        onto.write(chunk)
      })
    })
    from.on('error', () => {})
    from.on('close', () => {
      sockets.delete(from)
      cuts.delete(from)
      before.then(() => onto.destroy())
    })
  }

  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    for (const socket of [near, far]) sockets.add(socket.setNoDelay())
    carry(near, far, false)
    carry(far, near, true)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    gate.resolve()
    for (const socket of sockets) socket.destroy()
  })

  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}/0`,
    pass () {
      delay = 0
      cut = undefined
      gate.resolve()
    },
    delay (ms) { delay = ms },
    blackHole () { gate = Promise.withResolvers() },
    forget () { for (const socket of sockets) forgotten.add(socket) },
    cut: (bytes, request) => new Promise((resolve) => { cut = { bytes, request, done: resolve } })
  }
}
