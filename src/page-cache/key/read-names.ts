import { isCookie, nameCookie } from './cookies.ts'

const NO_NAMES: ReadonlySet<string> = new Set()

/** The request headers and single cookies that were read by name. */
export class ReadNames {
  /** Names of headers whose reads do not count. */
  ignored = NO_NAMES
  /** The only cookies that the header `Cookie` still shows. They select the response, so no read of them counts. */
  shownCookies: ReadonlySet<string> | undefined
  #forResponse: Set<string> | undefined
  #forKey: Set<string> | undefined
  /** How often the header `Cookie` was read for the response. */
  #cookieReads = 0
  #isParsed = false

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

  /** Adds a read of a header. */
  add (name: string, isForKey: boolean): void {
    if (name !== 'cookie') this.#add(name, isForKey)
    else if (this.shownCookies === undefined) this.addAllCookies(isForKey)
  }

  /** Adds a read of a single cookie. Code may have kept an object with cookies that are hidden now. */
  addCookie (cookie: string, isForKey: boolean): void {
    if (this.shownCookies?.has(cookie) !== true) this.#add(nameCookie(cookie), isForKey)
  }

  /** Adds a read of all cookies, as the client has sent them. */
  addAllCookies (isForKey: boolean): void {
    if (!isForKey) this.#cookieReads++
    this.#add('cookie', isForKey)
  }

  /**
   * Takes back the read of the header `Cookie` with which a plugin has parsed it.
   *
   * That is one read of a request: code that reads the header in the same way, for itself, has read it besides.
   */
  removeParsing (): void {
    if (this.#isParsed) return
    this.#isParsed = true
    if (--this.#cookieReads === 0) this.#forResponse?.delete('cookie')
  }

  #add (name: string, isForKey: boolean): void {
    if (isForKey) (this.#forKey ??= new Set()).add(name)
    else (this.#forResponse ??= new Set()).add(name)
  }

  #isIgnored (name: string): boolean {
    return this.ignored.has(isCookie(name) ? 'cookie' : name)
  }
}
