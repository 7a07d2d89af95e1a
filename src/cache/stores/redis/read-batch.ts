import type { Entry } from '../../entry/entry.ts'
import type { RedisCommands } from './commands.ts'

type Found = Entry | undefined

/**
 * Reads of one key that go out to Redis in the same turn of the event loop are one command. It is sent after the last of
 * them has asked, so each gets what stood there when it asked, or something newer. Only entries are shared: who finds
 * none asks for itself.
 */
export class SharedReads {
  readonly #link: RedisCommands
  readonly #asked = new Map<string, Promise<Found>>()
  #turn = -1

  constructor (link: RedisCommands) {
    this.#link = link
  }

  /** To be called before something is written: whoever reads after that is to see it, also where nobody has waited for it. */
  end (): void {
    this.#asked.clear()
  }

  read<T extends Found> (key: string, ask: () => Promise<T>): Promise<T> {
    if (this.#link.turn !== this.#turn) this.#asked.clear()
    const earlier = this.#asked.get(key) as Promise<T> | undefined
    if (earlier !== undefined) return earlier.then((found) => isEntry(found) ? found : ask())
    const answer = ask()
    // Known only now: the first command of a turn begins it. None waits where commands are sent one by one.
    this.#turn = this.#link.turn
    if (this.#link.gathers) this.#asked.set(key, answer)
    return answer
  }
}

function isEntry (found: Found): boolean {
  return found !== undefined
}
