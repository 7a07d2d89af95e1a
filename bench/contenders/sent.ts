import { request } from 'undici'

/** What an answer said, without the fields that Node adds to every one. */
export interface Sent { fields: Record<string, string>, body: string }

const OF_NODE = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding'])

export async function sentBy (url: string): Promise<Sent> {
  const { statusCode, headers, body } = await request(url)
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${url} answered with status ${statusCode}: ${text}`)
  const fields = Object.entries(headers).filter(([name]) => !OF_NODE.has(name)).map(([name, value]) => [name, String(value)])
  return { fields: Object.fromEntries(fields), body: text }
}
