import type { onSendHookHandler, RouteOptions } from 'fastify'

/**
 * Adds an `onSend` hook to a route that stays the last one.
 *
 * This holds even if `onRoute` hooks of other plugins add to the route later, by a new list or by a method of the list.
 */
export function addFinalHook (route: RouteOptions, hook: onSendHookHandler): void {
  let hooks: unknown[] = []
  const set = (given: unknown) => { hooks = [...[given ?? []].flat().filter((other) => other !== hook), hook] }
  set(route.onSend)
  Object.defineProperty(route, 'onSend', {
    enumerable: true,
    configurable: true,
    get: () => {
      const index = hooks.indexOf(hook)
      if (index >= 0) hooks.splice(index, 1)
      hooks.push(hook)
      return hooks
    },
    set
  })
}
