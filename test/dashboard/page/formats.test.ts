import t from 'tap'
import { bytes, count, duration, percent, seconds } from '../../../src/dashboard/page/formats.ts'

t.test('numbers as people read them', async (t) => {
  t.equal(count(1234567), '1,234,567')
  t.same([percent(1, 3), percent(0, 0)], ['33.3%', '–'])
  t.same([seconds(0.04), seconds(12.34), seconds(1234.5)], ['0.0 s', '12.3 s', '1,235 s'])
  t.same([undefined, 0.0000123, 0.00123, 0.0123, 1.234, 12.34].map(duration), ['–', '0.012 ms', '1.2 ms', '12 ms', '1.23 s', '12.3 s'])
  t.same([0, 1023, 1024, 1536 * 1024, 200 * 2 ** 20, 3 * 2 ** 30, 2 ** 50].map(bytes), ['0 B', '1,023 B', '1.0 KiB', '1.5 MiB', '200 MiB', '3.0 GiB', '1,024 TiB'])
})
