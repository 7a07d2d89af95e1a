const LINE = '<p>All that a page says.</p>\n'

/** The body of a page, 5 KiB. */
export const PAGE = LINE.repeat(Math.ceil(5 * 1024 / LINE.length)).slice(0, 5 * 1024)
