import t from 'tap'
import { checkNode } from '../../src/larder/check-node.ts'

t.test('a version of Node that is too old fails the import with one sentence', async (t) => {
  for (const version of ['22.12.0', '22.19.1', '24.0.0']) t.doesNotThrow(() => checkNode(version))
  for (const version of ['18.20.4', '20.20.2', '22.11.0']) {
    t.throws(() => checkNode(version), {
      message: `fastify-larder needs Node.js 22.12 or newer, but this is ${version}.`
    })
  }
})
