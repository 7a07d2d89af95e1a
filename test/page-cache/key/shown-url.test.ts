import fc from 'fast-check'
import t from 'tap'
import { computeKey, computeKeyPrefix } from '../../../src/page-cache/key/key.ts'
import { resolveRouteConfig } from '../../../src/page-cache/options.ts'

function getKey (url: string, params?: string[]): string {
  return computeKey({ url, host: 'a.example', protocol: 'http', params }, resolveRouteConfig('/', {}, 60), 'GET')
}

t.test('keys show the path, and no name or value of the query', async (t) => {
  t.match(getKey('/reset'), /^page:[\w-]{12}:\/reset [\w-]{43}$/)
  t.match(getKey('/reset?token=SECRET'), /^page:[\w-]{12}:\/reset\?[\w-]{11} [\w-]{43}$/)
  t.match(getKey(`/${'x'.repeat(300)}`), /^page:[\w-]{12}:\/x{199}\?[\w-]{11} [\w-]{43}$/)
})

t.test('keys show paths without spaces, line breaks and other characters that need encoding', async (t) => {
  t.match(getKey('/a%20b%0A{\\}%C3%9C'), /^page:[\w-]{12}:\/a%20b%0A%7B%5C%7D%C3%9C [\w-]{43}$/)
  t.match(getKey('/A%20b%0Ac', []), /^page:[\w-]{12}:\/a%20b%0Ac [\w-]{43}$/, 'caseSensitive: false')
})

t.test('keys differ if the encoding of the URL differs, since a handler may see it', async (t) => {
  const urls = ['/{1}', '/%7B1%7D', "/?q=it's", '/?q=it%27s', '/?q=a+b', '/?q=a%20b', '/?q', '/?q=', '/ü', '/Ã¼']
  t.equal(new Set(urls.map((url) => getKey(url))).size, urls.length)
})

t.test('the keys of a URL begin in the same way, whichever of its characters are encoded', async (t) => {
  const char = fc.constantFrom(...'aZ09-._~!*\'();:@$,[]{}|\\^`"<> %é€')
  const written = fc.array(fc.tuple(char, fc.boolean(), fc.boolean()), { maxLength: 12 })
  type Written = Array<[string, boolean, boolean]>
  const encodeAll = (chars: Written) => encodeURIComponent(chars.map(([char]) => char).join(''))
  const encodeSome = (chars: Written) => chars.map(([char, isEncoded, isLower]) => {
    if (!isEncoded && char !== '%') return char
    const hex = Buffer.from(char).toString('hex').replace(/../g, '%$&')
    return isLower ? hex : hex.toUpperCase()
  }).join('')
  const route = resolveRouteConfig('/', {}, 60)
  fc.assert(fc.property(written, written, written, (path, name, value) => {
    const sent = `/${encodeSome(path)}?${encodeSome(name)}=${encodeSome(value)}`
    const url = `/${encodeAll(path)}?${encodeAll(name)}=${encodeAll(value)}`
    const key = computeKey({ url: sent, host: 'a', protocol: 'http' }, route, 'GET')
    return key.startsWith(computeKeyPrefix({ url, host: 'b', protocol: 'https' }, route))
  }), { numRuns: 2000 })
})
