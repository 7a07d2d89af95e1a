/** A URL that somebody has written, e.g. to purge it. */
export interface WrittenUrl {
  /** As it is written, without white space around it. */
  readonly text: string
  /** In a normal form. The host of a path is `localhost`. */
  readonly url: URL
  /** Whether it is a path, which may have a query, and names no host. */
  readonly isPath: boolean
}

/**
 * Reads a URL: a path that begins with `/`, or an absolute http or https URL. What begins with `//` is a path too.
 *
 * @returns undefined if it is neither
 */
export function readUrl (written: unknown): WrittenUrl | undefined {
  if (typeof written !== 'string') return undefined
  const text = written.trim()
  const isPath = text.startsWith('/')
  const url = URL.parse(isPath ? `http://localhost${text}` : text)
  return url === null || !/^https?:$/.test(url.protocol) ? undefined : { text, url, isPath }
}
