import t from 'tap'
import { until } from '../support/until.ts'
import { startChromium } from './support/chromium.ts'
import { browserTest } from './support/browser-test.ts'
import { watch } from './support/watch.ts'

/* The other browser tests rely on this. */
t.test('watch() collects errors, failed requests and CSP violations of a page', async (t) => {
  const { address } = await browserTest(t)
  const context = await (await startChromium()).newContext()
  t.teardown(() => context.close())
  const complaints = watch(context)
  const page = await context.newPage()
  await page.goto(address)
  t.same(complaints, [])

  for (const [what, complain] of Object.entries({
    'console: oh dear': () => console.error('oh dear'),
    'uncaught: Error: not caught': () => { setTimeout(() => { throw new Error('not caught') }) },
    'Content Security Policy': () => {
      const script = document.createElement('script')
      script.textContent = 'globalThis.ran = true'
      document.body.append(script)
    },
    'failed: GET http://127.0.0.1:1/': () => {
      document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:1/' }))
    },
    'status of 404': () => { document.body.append(Object.assign(new Image(), { src: '/none' })) }
  })) {
    await page.evaluate(complain)
    await until(what, () => complaints.some((complaint) => complaint.includes(what)))
  }
  t.equal(await page.evaluate(() => 'ran' in globalThis), false)
})
