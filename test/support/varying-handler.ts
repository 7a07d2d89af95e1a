import type { Handler } from './create-test-app.ts'
/** A handler that sends the value of `x-v`, and says that its response varies by it. */
export const echo: Handler = (request, reply, call) => {
  return reply.header('vary', 'x-v').send(`${JSON.stringify(request.headers['x-v'])} by ${call}`)
}
