import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'

/** A connection to a server on loopback that can be disturbed while it is in use. It ends with the test. */
export interface Proxy {
  /** The address of the proxy, as a Redis URL. */
  url: string
  /** Forwards everything at once, and what was held back first. */
  pass (): void
  /** Forwards each reply this many milliseconds later. */
  delay (ms: number): void
  /** Accepts connections and data and forwards nothing, as if packets were lost. */
  blackHole (): void
  /** Silently drops all data of the present connections for ever, as a firewall does that has forgotten them. */
  forget (): void
  /**
   * Forwards only this many bytes of the reply to the next request that contains this text, then closes the connection.
   * Resolves when it is closed.
   */
  cut (bytes: number, request: string): Promise<void>
}

interface Cut { bytes: number, request: string, done: () => void }

/**
 * Starts a proxy.
 *
 * @param to port of the server
 */
export async function startProxy (t: Test, to: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const forgotten = new WeakSet<Socket>()
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  let delay = 0
  let cut: Cut | undefined
  /** The connections whose next reply will be cut. */
  const cuts = new Map<Socket, Cut>()

  /** Forwards data in order; while the gate is closed, it waits. */
  function forward (from: Socket, onto: Socket, isReply: boolean): void {
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
    forward(near, far, false)
    forward(far, near, true)
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
