import { isCookie, nameCookie } from './cookies.ts'

const NO_NAMES: ReadonlySet<string> = new Set()

/** The request headers and single cookies that were read by name. */
export class ReadNames {
  /** Names of headers whose reads do not count. */
  ignored = NO_NAMES
  #forResponse: Set<string> | undefined
  #forKey: Set<string> | undefined
  /** How often the header `Cookie` was read for the response. */
  #cookieReads = 0

  /** Those that the response depends on, without those that the key covers. */
  get forResponse (): string[] {
    const readsAllCookies = this.has('cookie')
    return [...this.#forResponse ?? []].filter((name) => {
      if (this.#isIgnored(name) || (isCookie(name) && readsAllCookies)) return false
      // A key function may have read one cookie of many, so it does not cover the cookies.
      return name === 'cookie' || this.#forKey?.has(name) !== true
    })
  }

  /** Those that the custom key depends on. */
  get forKey (): string[] {
    return [...this.#forKey ?? []].filter((name) => !this.#isIgnored(name))
  }

  has (name: string): boolean {
    return this.#forResponse?.has(name) === true
  }

  add (name: string, isForKey: boolean): void {
    if (isForKey) {
      (this.#forKey ??= new Set()).add(name)
      return
    }
    if (name === 'cookie') this.#cookieReads++
    ;(this.#forResponse ??= new Set()).add(name)
  }

  addCookie (cookie: string, isForKey: boolean): void {
    this.add(nameCookie(cookie), isForKey)
  }

  /** Takes one read of the header `Cookie` back. */
  removeCookieRead (): void {
    if (--this.#cookieReads === 0) this.#forResponse?.delete('cookie')
  }

  #isIgnored (name: string): boolean {
    return this.ignored.has(isCookie(name) ? 'cookie' : name)
  }
}
