/** HTML in which all text is escaped. */
export class Html {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }
}

/** What a template may contain: text, which is escaped, HTML, several of both, or nothing. */
type Part = string | number | Html | undefined | false | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'
}

/** A template of HTML: escapes its values. Attributes need quotes around them. */
export function html (strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: strings }, ...parts.map(format)))
}

function format (part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(format).join('')
  if (part === undefined || part === false) return ''
  return String(part).replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
