import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { CACHES, isInstalled, measure } from './measure.js'

/* Prints the table of docs/comparison.md as it is measured here, and checks what that page says in words. */

const skip = spawnSync('redis-server', ['--version']).status !== 0 && 'no Redis'

const ROWS = {
  'loads for 20 requests in two processes': ({ loads }) => String(loads),
  'after an UPDATE by another program': ({ afterUpdate }) => {
    return afterUpdate.every(({ outcome }) => outcome === 'second') ? 'new' : 'old'
  },
  'the loader fails, the page has expired': ({ failing }) => describe(failing),
  'Redis hangs, the page is cached': ({ hanging }) => describe(hanging),
  'Redis hangs, the page has expired': ({ expiredWhileHanging }) => describe(expiredWhileHanging),
  'Redis was stopped, the page is cached': ({ stopped }) => describe(stopped),
  'Redis was stopped, the page has expired': ({ expiredWhileStopped }) => describe(expiredWhileStopped)
}

function describe ({ outcome, ms }) {
  if (outcome === 'none') return `none in ${ms} ms`
  return `${outcome === 'error' ? 'error' : 'page'}, ${ms} ms`
}

const isPage = ({ outcome }) => outcome === 'second'

test('each cache does what the comparison says', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'comparison-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const names = CACHES.filter(isInstalled)
  const results = []
  for (const name of names) results.push(await measure(name, folder)) // one by one: they measure times
  console.table(Object.fromEntries(Object.entries(ROWS).map(([row, show]) => {
    return [row, Object.fromEntries(names.map((name, i) => [name, show(results[i])]))]
  })))
  for (const [i, name] of names.entries()) {
    const { loads, afterUpdate, failing, hanging, expiredWhileHanging, stopped, expiredWhileStopped } = results[i]
    if (name === 'larder') {
      assert.equal(loads, 1)
      for (const response of [
        ...afterUpdate, failing, hanging, expiredWhileHanging, stopped, expiredWhileStopped
      ]) assert.ok(isPage(response), `${response.outcome} after ${response.ms} ms`)
    } else {
      if (['fastify-caching', 'django'].includes(name)) assert.ok(loads > 2, `${name}: ${loads} loads`)
      assert.ok(!afterUpdate.some(isPage), `${name} serves what it has stored`)
      assert.equal(isPage(failing), name === 'bentocache', `${name}: ${failing.outcome}`)
    }
  }
})
