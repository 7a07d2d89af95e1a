import t from 'tap'
import { bytes, count, duration, list, percent, seconds, shorten } from '../../../src/dashboard/view/formats.ts'

t.test('numbers, times and sizes are formatted for people', async (t) => {
  t.equal(count(1234567), '1,234,567')
  t.same([percent(1, 3), percent(0, 0)], ['33.3%', '–'])
  t.same([seconds(0.04), seconds(12.34), seconds(1234.5)], ['0.0 s', '12.3 s', '1,235 s'])
  const times = [undefined, 0.0000123, 0.00123, 0.0123, 1.234, 12.34]
  t.same(times.map(duration), ['–', '0.012 ms', '1.2 ms', '12 ms', '1.23 s', '12.3 s'])
  const sizes = [0, 1023, 1024, 1536 * 1024, 200 * 2 ** 20, 3 * 2 ** 30, 2 ** 50]
  t.same(sizes.map(bytes), ['0 B', '1,023 B', '1.0 KiB', '1.5 MiB', '200 MiB', '3.0 GiB', '1,024 TiB'])
})

t.test('list shows the first five names, and shorten the first 80 characters', async (t) => {
  t.equal(list([]), '')
  t.equal(list(['a', 'b', 'c', 'd', 'e']), 'a, b, c, d, e')
  t.equal(list(['a', 'b', 'c', 'd', 'e', 'f']), 'a, b, c, d, e and 1 more')
  t.equal(list(['a', 'b', 'c', 'd', 'e', 'f'], 2_005), 'a, b, c, d, e and 2,000 more')
  t.same(['x'.repeat(80), 'x'.repeat(81)].map(shorten), ['x'.repeat(80), `${'x'.repeat(80)}…`])
})
