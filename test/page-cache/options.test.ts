import t from 'tap'
import { type CachePageOptions, resolveRouteConfig } from '../../src/page-cache/options.ts'

t.test('resolveRouteConfig rejects invalid options, and names the route and the option', async (t) => {
  const resolve = (options: unknown) => () => resolveRouteConfig('/slow', options as CachePageOptions, undefined)
  t.throws(resolve({ ttl: -1 }), {
    message: /ttl in cachePage of \/slow must be a number of seconds from 0 to 2147483648/
  })
  t.throws(resolve({ ttl: '5' }), /ttl/)
  t.throws(resolve(NaN), /ttl/)
  t.throws(resolve({ tags: 'a' }), /tags .* must be an array of valid tags/)
  t.throws(resolve({ tags: ['x'.repeat(2000)] }), /tags/)
  t.throws(resolve({ vary: ['*'] }), /vary/)
  t.throws(resolve({ vary: ['a b'] }), /vary/)
  t.throws(resolve({ query: [1] }), /query/)
  t.throws(resolve({ maxBytes: 0 }), /maxBytes/)
  for (const maxStaleness of [-1, '50', NaN, null, 'soon', 1e13]) {
    t.throws(resolve({ maxStaleness }), /maxStaleness .* must be a number of milliseconds from 0 to 2147483648/)
  }
  t.throws(resolve({ key: 'x' }), /key .* function/)
  t.throws(resolve({ tll: 5 }), { message: 'cachePage of /slow has no option tll. Did you mean ttl?' })
  t.throws(resolve({ constructor: 5 }), { message: 'cachePage of /slow has no option constructor.' })
  t.throws(resolve(null), /must be a duration or an object/)
  t.throws(resolve(true), /ttl in cachePage of \/slow must be a number of seconds/)
})

t.test('resolveRouteConfig takes the ttl from a number, the options or the default of the plugin', async (t) => {
  t.match(resolveRouteConfig('/', 5, undefined), { ttl: 5 })
  t.match(resolveRouteConfig('/', {}, 7), { ttl: 7 })
  t.match(resolveRouteConfig('/', '5m', undefined), { ttl: 300 })
  t.match(resolveRouteConfig('/', { clientTtl: '1.5m', staleIfError: '1d', timeout: '2s' }, '1h'), {
    ttl: 3600, clientTtl: 90, staleIfError: 86_400, timeout: 2
  })
  const unset = { ttl: undefined } as unknown as CachePageOptions
  t.match(resolveRouteConfig('/', unset, undefined), { ttl: undefined })
})
