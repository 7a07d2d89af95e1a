import t from 'tap'
import { isLoopback } from '../../src/access/is-loopback.ts'

t.test('isLoopback knows every spelling of an address of loopback', async (t) => {
  for (const host of [
    'localhost', 'LocalHost', 'localhost.', '127.0.0.1', '127.9.8.7', '127.1', '0x7f.1', '::1', '[::1]',
    '0:0:0:0:0:0:0:1', '[0000:0000:0000:0000:0000:0000:0000:0001]', '::ffff:127.0.0.1', '::FFFF:127.0.0.1',
    '::ffff:7f00:1', '[::ffff:127.0.0.2]', '0:0:0:0:0:ffff:7f00:1'
  ]) t.equal(isLoopback(host), true, host)
})

t.test('isLoopback is false for all other addresses and names', async (t) => {
  for (const host of [
    '', '0.0.0.0', '::', '128.0.0.1', '192.0.2.127', '::2', '::ffff:128.0.0.1', '2001:db8::1', '::127.0.0.1',
    '127.0.0.1.example', 'localhost.example', 'notlocalhost', 'a b', '127.0.0.256', 'fe80::1%lo'
  ]) t.equal(isLoopback(host), false, host)
})
