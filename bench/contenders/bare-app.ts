import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PAGE } from '../support/page.ts'

/* Node alone: one page for every request. Argument: the headers of a hit, as JSON. */

const fields = { ...JSON.parse(process.argv[2]!), 'content-length': Buffer.byteLength(PAGE) }
const server = createServer((_request, response) => { response.writeHead(200, fields).end(PAGE) })

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
