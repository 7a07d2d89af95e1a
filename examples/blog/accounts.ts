import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { eq } from 'drizzle-orm'
import type { FastifyInstance } from 'fastify'
import type { Blog } from './database.ts'
import { html, send } from './html.ts'
import { authors } from './schema.ts'

declare module 'fastify' {
  interface Session {
    author?: { id: number, name: string }
  }
}

export function hashPassword (password: string): string {
  const salt = randomBytes(16)
  return Buffer.concat([salt, scryptSync(password, salt, 32)]).toString('base64')
}

function isPassword (password: string, stored: string): boolean {
  const bytes = Buffer.from(stored, 'base64')
  return timingSafeEqual(scryptSync(password, bytes.subarray(0, 16), 32), bytes.subarray(16))
}

/** Logging in and out, and a page that only its reader may see. */
export async function accounts (app: FastifyInstance, { db }: Blog) {
  app.get('/login', async (request, reply) => send(request, reply, 'Log in', html`
    <form method="post"><input name="name"><input name="password" type="password"><button>Log in</button></form>`))

  app.post<{ Body: { name: string, password: string } }>('/login', async (request, reply) => {
    const { name, password } = request.body
    const author = db.select().from(authors).where(eq(authors.name, name)).get()
    if (author === undefined || !isPassword(password, author.password)) return reply.code(401).send('Wrong password.')
    await request.session.regenerate()
    request.session.author = { id: author.id, name }
    return reply.redirect('/', 303)
  })

  app.post('/logout', async (request, reply) => {
    await request.session.destroy()
    return reply.redirect('/', 303)
  })

  // It is cached by mistake. Responses that depend on a session are not shared, whatever the route says.
  app.get('/me', { config: { cachePage: '15m' } }, async (request, reply) => {
    const { author } = request.session
    if (author === undefined) return reply.redirect('/login', 303)
    return send(request, reply, 'Your account', html`<p>You are ${author.name}.</p>`)
  })
}
