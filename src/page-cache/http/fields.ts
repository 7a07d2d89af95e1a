/** A field as Node holds it: one line, several, or none. */
export type FieldValue = string | number | readonly string[] | undefined

/** Fields by their names in lower case, of a request or of a response. */
export type Fields = Readonly<Record<string, FieldValue>>

/** The lines of a field as one, RFC 9110 section 5.3. */
export function combineLines (field: FieldValue): string | undefined {
  if (typeof field === 'string' || field === undefined) return field
  return typeof field === 'number' ? String(field) : field.join(', ')
}

/**
 * The elements of a list, empty ones included, without the white space around them. A comma in a quoted string
 * separates nothing, RFC 9110 sections 5.6.1 and 5.6.4; after a quote that is not closed there are no more elements.
 */
export function splitList (text: string): string[] {
  const elements: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"') quoted = !quoted
    else if (char === '\\' && quoted) i++
    else if (char === ',' && !quoted) {
      elements.push(trimWhitespace(text.slice(start, i)))
      start = i + 1
    }
  }
  elements.push(trimWhitespace(text.slice(start)))
  return elements
}

/**
 * Without spaces and tabs at the ends. `String.trim` also takes the no-break space, which in a field is one byte of
 * some other letter.
 */
export function trimWhitespace (text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Lower case for the letters A to Z and no others: bytes beyond ASCII are not letters here. */
export function toLowerCase (text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** RFC 9110 section 5.6.2. */
export function isToken (text: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(text)
}

/** RFC 9110 section 5.6.3. */
function isBlank (code: number): boolean {
  return code === 0x20 || code === 0x09
}
