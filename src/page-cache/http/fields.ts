/** The value of a field as Node represents it: one field line, several, or none. */
export type FieldValue = string | number | readonly string[] | undefined

/** The header fields of a request or response, by names in lower case. */
export type Fields = Readonly<Record<string, FieldValue>>

/** Combines the lines of a field, RFC 9110 section 5.3. */
export function combineLines (field: FieldValue): string | undefined {
  if (typeof field === 'string' || field === undefined) return field
  return typeof field === 'number' ? String(field) : field.join(', ')
}

/**
 * Splits a list into its elements, including empty ones, without the white space around them, RFC 9110 section 5.6.1.
 *
 * A comma in a quoted string separates nothing (section 5.6.4), not even if the quote is not closed.
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
 * Removes spaces and tabs at both ends.
 *
 * `String.trim` would also remove a no-break space, which in a field is one byte of another character.
 */
export function trimWhitespace (text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Converts the letters A to Z only: bytes beyond ASCII are not letters in a field. */
export function toLowerCase (text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Whether a text is a token, RFC 9110 section 5.6.2. */
export function isToken (text: string): boolean {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(text)
}

/** Whether a character is white space, RFC 9110 section 5.6.3. */
function isBlank (code: number): boolean {
  return code === 0x20 || code === 0x09
}
