import { request } from 'undici'

/** A response, without the headers that Node adds to every response. */
export interface Sent { fields: Record<string, string>, body: string }

const FROM_NODE = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding'])

export async function fetchSent (url: string): Promise<Sent> {
  const { statusCode, headers, body } = await request(url)
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${url} responded with status ${statusCode}: ${text}`)
  const fields = Object.entries(headers).filter(([name]) => !FROM_NODE.has(name))
  return { fields: Object.fromEntries(fields.map(([name, value]) => [name, String(value)])), body: text }
}
