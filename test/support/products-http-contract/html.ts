/** Reads the titles in the table, still escaped. */
export function readTitles (html: string): string[] {
  return Array.from(html.matchAll(/<th scope="row">([^]*?)<\/th>/g), ([, title]) => title!)
}

/** Reads the value of a field of the form, still escaped. */
export function readField (html: string, name: string): string | undefined {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1]
}

/** Reads the error messages of the form, in their order. */
export function readErrors (html: string): string[] {
  return Array.from(html.matchAll(/<p class="error"[^>]*>([^<]*)</g), ([, message]) => message!)
}
