import type { RouteOptions } from 'fastify'

/**
 * Keeps a hook the last of a route's, also when the hooks of other plugins for `onRoute` add to the route later: by a list
 * of their own, or by a method of the one that is there.
 */
export function keepLast<Name extends 'preHandler' | 'onSend'> (route: RouteOptions, name: Name, hook: NonNullable<RouteOptions[Name]>): void {
  let hooks: unknown[] = []
  const put = (given: unknown) => { hooks = [...[given ?? []].flat().filter((other) => other !== hook), hook] }
  put(route[name])
  Object.defineProperty(route, name, {
    enumerable: true,
    configurable: true,
    get: () => {
      const at = hooks.indexOf(hook)
      if (at >= 0) hooks.splice(at, 1)
      hooks.push(hook)
      return hooks
    },
    set: put
  })
}
