const LINE = '<p>All that a page says.</p>\n'

export const HTML = 'text/html; charset=utf-8'

/** Creates a body of so many bytes. */
export const createPage = (bytes: number) => LINE.repeat(Math.ceil(bytes / LINE.length)).slice(0, bytes)

/** The body of a page, 5 KiB. */
export const PAGE = createPage(5 * 1024)
