const LINE = '<p>All that a page says.</p>\n'

export const HTML = 'text/html; charset=utf-8'

/** A body of so many bytes. */
export const pageOf = (bytes: number) => LINE.repeat(Math.ceil(bytes / LINE.length)).slice(0, bytes)

/** The body of a page, 5 KiB. */
export const PAGE = pageOf(5 * 1024)
