import type { FastifyReply, FastifyRequest } from 'fastify'

/** HTML that was escaped. */
export class Html {
  readonly text: string

  constructor (text: string) {
    this.text = text
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape (value: unknown): string {
  if (Array.isArray(value)) return value.map(escape).join('')
  return value instanceof Html ? value.text : String(value ?? '').replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

export function html (strings: TemplateStringsArray, ...values: unknown[]): Html {
  return new Html(String.raw({ raw: strings }, ...values.map(escape)))
}

/** Sends a page. It greets visitors that are logged in. */
export function send (request: FastifyRequest, reply: FastifyReply, title: string, main: Html): FastifyReply {
  const { author } = request.session
  return reply.type('text/html').send(html`<!doctype html>
<title>${title}</title>
<nav><a href="/">Blog</a> ${author ? `Hello, ${author.name}!` : html`<a href="/login">Log in</a>`}</nav>
<h1>${title}</h1>
${main}
`.text)
}
