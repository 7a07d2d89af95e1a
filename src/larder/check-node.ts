/** Throws if a version of Node is too old for this package: an older one would fail somewhere, without saying why. */
export function checkNode (version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 12)) return
  const error = new Error(`fastify-larder needs Node.js 22.12 or newer, but this is ${version}.`)
  throw Object.assign(error, { code: 'FST_ERR_LARDER_NODE' })
}

checkNode(process.versions.node)
